/** Payload's rich text editor, as far as a server needs it: what `payload.ts` bundles beside Payload itself. */
export { lexicalEditor } from "@payloadcms/richtext-lexical";
