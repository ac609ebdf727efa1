# METADATA
# title: Each action of an agent needs its scope
# description: An agent owns no secret, only a scoped right to ask. An action that is not in the table is never allowed.
package certlocker.rules.scope

import data.certlocker.lib.caller
import data.certlocker.lib.reason

# METADATA
# title: Access denied. {action} needs scope {scopes}
# custom:
#   code: SCOPE_MISSING
#   severity: medium
#   remedy: Give the agent and its token the scope, or ask for an elevation.
deny contains reason.of(rego.metadata.chain(), details) if {
	input.principal.kind == "agent"
	sufficient := _sufficient
	count(sufficient & caller.scopes) == 0
	details := {"action": input.call.action, "scopes": concat(" or ", sort(sufficient))}
}

# METADATA
# title: The agent holds a scope for {action}
# custom:
#   code: SCOPE_HELD
#   severity: low
#   visibility: operator
allow contains reason.of(rego.metadata.chain(), details) if {
	input.principal.kind == "agent"
	input.principal.status == "active"
	held := _sufficient & caller.scopes
	count(held) > 0
	details := {"action": input.call.action, "scopes": sort(held)}
}

# Any one of these scopes is enough for the action.
_scopes := {
	"certificate.read": {"certificate:read", "certificate:request"},
	"certificate.read_key": {"certificate:read"},
	"certificate.request": {"certificate:request"},
	"host.list": {"host:read"},
	"ssh.request": {"ssh_session:request"},
	"ssh.command": {"ssh_session:request"},
	"probe.create": {"probe:create"},
	"probe.read": {"probe:read"},
	"approval.request": {"approval:request"},
	"approval.read": {"approval:request"},
	"audit.write": {"audit:write"},
	"resource.list": {
		"approval:request",
		"audit:write",
		"certificate:read",
		"certificate:request",
		"host:read",
		"private_secret:read",
		"probe:create",
		"probe:read",
		"secret:read",
		"secret:use",
		"ssh_session:request",
	},
}

_secret_scopes := {
	"secret.read": {"shared": {"secret:read"}, "private": {"private_secret:read"}},
	"secret.use": {"shared": {"secret:read", "secret:use"}, "private": {"private_secret:read", "secret:use"}},
}

_sufficient := _scopes[input.call.action]

_sufficient := _secret_scopes[input.call.action][input.resource.kind] if not caller.resource_hidden

# A name that does not exist and one that must stay hidden ask for the same scopes, or the answer would tell them apart.
_sufficient := _secret_scopes[input.call.action].shared | _secret_scopes[input.call.action].private if _kind_untold

_kind_untold if input.resource.kind == ""

_kind_untold if caller.resource_hidden
