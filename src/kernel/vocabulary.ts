/** The closed word lists that Rego, SQL, REST, MCP and the documentation share. One word per thing. */
export const scopes = [
  'secret:read',
  'private_secret:read',
  'secret:use',
  'certificate:read',
  'certificate:request',
  'host:read',
  'ssh_session:request',
  'probe:create',
  'probe:read',
  'approval:request',
  'audit:write',
] as const
export type Scope = (typeof scopes)[number]

export const riskLevels = ['low', 'medium', 'high', 'critical'] as const
export type RiskLevel = (typeof riskLevels)[number]

export const environments = ['production', 'staging', 'development'] as const
/** From the strictest to the loosest. */
export type Environment = (typeof environments)[number]

export const roles = ['admin', 'operator', 'approver', 'auditor', 'policy_author'] as const
export type Role = (typeof roles)[number]

export const agentStatuses = ['active', 'suspended', 'revoked'] as const
export type AgentStatus = (typeof agentStatuses)[number]

export const effects = ['allow', 'deny', 'require_approval'] as const
export type Effect = (typeof effects)[number]

export const principalKinds = ['agent', 'person', 'service'] as const
export type PrincipalKind = (typeof principalKinds)[number]
