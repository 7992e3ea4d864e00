import { registerHooks } from "node:module";

/**
 * openapi-typescript prints types with the JavaScript API of TypeScript 5, which TypeScript 7 no longer has.
 * Its import of `typescript` resolves to the copy in @ts-morph/common.
 */
const TYPESCRIPT_5 = "data:text/javascript,typescript-5";
const hooks = registerHooks({
  resolve: (specifier, context, next) =>
    specifier === "typescript" && context.parentURL?.includes("/openapi-typescript/")
      ? { url: TYPESCRIPT_5, shortCircuit: true }
      : next(specifier, context),
  load(url, context, next) {
    if (url !== TYPESCRIPT_5) return next(url, context);
    const source = `export { ts as default } from ${JSON.stringify(import.meta.resolve("@ts-morph/common"))};`;
    return { format: "module", source, shortCircuit: true };
  },
});
const { default: openapiTS, astToString } = await import("openapi-typescript");
hooks.deregister();

/** The types of an OpenAPI document, as the text of a module. */
export async function typesOf(document: string): Promise<string> {
  return astToString(await openapiTS(document));
}
