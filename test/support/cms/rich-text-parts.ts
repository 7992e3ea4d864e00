/**
 * Payload's rich text editor, as far as a server needs it: what `payload.ts` bundles beside Payload itself. It loads
 * React, of which npm installs one version for all: the one that tap's reporter needs.
 */
export { lexicalEditor } from "@payloadcms/richtext-lexical";
