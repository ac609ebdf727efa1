# METADATA
# title: Each action of an agent needs its scope
# description: An agent owns no secret, only a scoped right to ask. An action that is not in the table is never allowed.
package certlocker.rules.scope

import data.certlocker.lib.caller
import data.certlocker.lib.reason

# METADATA
# title: Access denied. Scope {scopes} is missing
# description: >
#   Every action of an agent needs a scope that the agent and its token both hold, or that a live elevation adds.
# custom:
#   code: SCOPE_MISSING
#   severity: medium
#   remedy: Give the agent and its token the scope, or ask for an elevation.
deny contains reason.of(rego.metadata.rule(), details) if {
	input.principal.kind == "agent"
	count(_sufficient & caller.scopes) == 0
	details := {"action": input.call.action, "scopes": concat(" or ", sort(_sufficient))}
}

# METADATA
# title: The agent holds a scope for {action}
# description: >
#   The agent and its token both hold a scope that is enough for the action. A denial of another rule outweighs it.
# custom:
#   code: SCOPE_HELD
#   severity: low
#   visibility: operator
allow contains reason.of(rego.metadata.rule(), details) if {
	input.principal.kind == "agent"
	input.principal.status == "active"
	held := _sufficient & caller.scopes
	count(held) > 0
	details := {"action": input.call.action, "scopes": sort(held)}
}

# Any one of these scopes is enough for the action.
_sufficient := {"certificate:read", "certificate:request"} if input.call.action == "certificate.read"

_sufficient := {"certificate:read"} if input.call.action == "certificate.read_key"

_sufficient := {"certificate:request"} if input.call.action == "certificate.request"

_sufficient := {"host:read"} if input.call.action == "host.list"

_sufficient := {"ssh_session:request"} if input.call.action in _ssh

_sufficient := {"probe:create"} if input.call.action == "probe.create"

_sufficient := {"probe:read"} if input.call.action == "probe.read"

_sufficient := {"approval:request"} if input.call.action in {"approval.request", "approval.read"}

_sufficient := {"audit:write"} if input.call.action == "audit.write"

_sufficient := _every_scope if input.call.action == "resource.list"

_sufficient := _read[_kind] if input.call.action == "secret.read"

_sufficient := _use[_kind] if input.call.action == "secret.use"

_ssh := {"ssh.command", "ssh.connect", "ssh.end", "ssh.request"}

_read := {
	"shared": {"secret:read"},
	"private": {"private_secret:read"},
	"untold": {"private_secret:read", "secret:read"},
}

_use := {
	"shared": {"secret:read", "secret:use"},
	"private": {"private_secret:read", "secret:use"},
	"untold": {"private_secret:read", "secret:read", "secret:use"},
}

# A name that does not exist and one that must stay hidden ask for the same scopes, or the answer would tell them apart.
_kind := "untold" if {
	input.resource.kind == ""
} else := "untold" if {
	caller.resource_hidden
} else := input.resource.kind

_every_scope := {
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
}
