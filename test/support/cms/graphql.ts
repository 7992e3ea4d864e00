import type { ExecutionResult } from "graphql";

import type { Instance } from "./instance.ts";
import {
  configToSchema,
  createPayloadRequest,
  execute,
  GraphQLError,
  headersWithCors,
  parse,
  specifiedRules,
  validate,
} from "./payload.ts";

/** Answers one web request with GraphQL. */
export type GraphqlHandler = (request: Request) => Promise<Response>;

interface Query {
  readonly query: string;
  readonly variables: Record<string, unknown>;
  readonly operationName: string | undefined;
}

/**
 * Does what Payload's Next.js integration does at POST /api/graphql. The schema is built at the first
 * request.
 */
export function graphqlHandler({ config, cacheKey }: Instance): GraphqlHandler {
  let built: ReturnType<typeof configToSchema> | undefined;
  return async (request) => {
    const req = await createPayloadRequest({
      canSetHeaders: true,
      config,
      payloadInstanceCacheKey: cacheKey,
      request,
    });
    const headers = headersWithCors({ headers: new Headers(), req });
    if (request.headers.get("content-type")?.split(";")[0]?.trim() !== "application/json") {
      return new Response(null, { status: 415, headers });
    }
    const query = readQuery(await request.text());
    if (!query) return new Response(null, { status: 400, headers });
    built ??= configToSchema(config);
    const { schema, validationRules } = built;
    try {
      const document = parse(query.query);
      const errors = validate(schema, document, [
        ...specifiedRules,
        ...validationRules({ variableValues: query.variables }),
      ]);
      if (errors.length > 0) return Response.json({ errors: errors.map(plain) }, { status: 400, headers });
      const { variables: variableValues, operationName } = query;
      const result = await execute({
        schema,
        document,
        contextValue: { headers: {}, req },
        variableValues,
        operationName,
      });
      return Response.json(answer(result), { headers });
    } catch (error) {
      if (error instanceof GraphQLError)
        return Response.json({ errors: [plain(error)] }, { status: 400, headers });
      throw error;
    }
  };
}

function answer({ data, errors }: ExecutionResult): object {
  return errors ? { data, errors: errors.map(plain) } : { data };
}

function plain({ message, path, locations }: NonNullable<ExecutionResult["errors"]>[number]): object {
  return { message, path, locations };
}

function readQuery(text: string): Query | undefined {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body !== "object" || body === null || !("query" in body) || typeof body.query !== "string")
      return undefined;
    const variables = "variables" in body && typeof body.variables === "object" ? { ...body.variables } : {};
    const operationName =
      "operationName" in body && typeof body.operationName === "string" ? body.operationName : undefined;
    return { query: body.query, variables, operationName };
  } catch {
    return undefined;
  }
}
