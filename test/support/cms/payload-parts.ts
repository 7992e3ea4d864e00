/** The parts of Payload that the tests' CMS uses. `payload.ts` bundles them. */
export { postgresAdapter } from "@payloadcms/db-postgres";
export { sqliteAdapter } from "@payloadcms/db-sqlite";
export { configToSchema } from "@payloadcms/graphql";
export { multiTenantPlugin } from "@payloadcms/plugin-multi-tenant";
export { execute, GraphQLError, parse, specifiedRules, validate } from "graphql";
export {
  APIError,
  buildConfig,
  createPayloadRequest,
  Forbidden,
  getPayload,
  handleEndpoints,
  headersWithCors,
  Locked,
  NotFound,
  ValidationError,
} from "payload";
