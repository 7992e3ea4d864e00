/**
 * The parts of Payload's rich text editor that a server needs, which `payload.ts` bundles beside Payload
 * itself. The editor loads React, and npm installs only the React version that tap's reporter needs.
 */
export { lexicalEditor } from "@payloadcms/richtext-lexical";
