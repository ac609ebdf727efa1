package certlocker.rules.scope_test

import data.certlocker.fixture_test as fixture
import data.certlocker.rules.scope

# Every action with every scope that is enough for it; no other one is.
enough := {
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
	"secret.read": {"secret:read"},
	"secret.use": {"secret:read", "secret:use"},
	"resource.list": every_scope,
}

every_scope := {
	"secret:read",
	"private_secret:read",
	"secret:use",
	"certificate:read",
	"certificate:request",
	"host:read",
	"ssh_session:request",
	"probe:create",
	"probe:read",
	"approval:request",
	"audit:write",
}

answer(action, resource, scopes) := given if {
	question := object.union(fixture.call("dev-agent", action, resource), {"principal": {"scopes": scopes}})
	given := {"deny": fixture.codes(scope.deny), "allow": fixture.codes(scope.allow)} with input as question
}

held := {"deny": set(), "allow": {"SCOPE_HELD"}}

missing := {"deny": {"SCOPE_MISSING"}, "allow": set()}

test_scope_that_is_enough[name] if {
	some action, scopes in enough
	some one in scopes
	name := concat(" with ", [action, one])
	answer(action, "dev-secret", [one]) == held
}

test_scope_that_is_not_enough[name] if {
	some action, scopes in enough
	some one in (every_scope - scopes)
	name := concat(" with ", [action, one])
	answer(action, "dev-secret", [one]) == missing
}

test_no_scope_at_all[action] if {
	some action, _ in enough
	answer(action, "dev-secret", []) == missing
}

test_private_secret_needs_its_own_scope if {
	answer("secret.read", "ada-private", ["private_secret:read"]) == held
	answer("secret.read", "ada-private", ["secret:read"]) == missing
	answer("secret.use", "ada-private", ["secret:use"]) == held
	answer("secret.use", "ada-private", ["secret:read"]) == missing
}

test_missing_and_hidden_names_ask_for_the_same_scopes[name] if {
	some action in ["secret.read", "secret.use"]
	some one in every_scope
	name := concat(" with ", [action, one])
	answer(action, "unknown-secret", [one]) == answer(action, "bo-private", [one])
}

test_unknown_action_is_not_allowed if {
	answer("secret.export", "dev-secret", every_scope) == {"deny": set(), "allow": set()}
}

test_only_an_active_agent_is_allowed[status] if {
	some status in ["", "suspended", "revoked"]
	question := object.union(fixture.call("dev-agent", "host.list", "none"), {"principal": {"status": status}})
	allow := scope.allow with input as question
	allow == set()
}

test_people_have_no_scopes if {
	deny := scope.deny with input as fixture.call("operator", "secret.read", "dev-secret")
	deny == set()
	allow := scope.allow with input as fixture.call("operator", "secret.read", "dev-secret")
	allow == set()
}

test_title_names_action_and_scopes if {
	deny := scope.deny with input as object.union(
		fixture.call("dev-agent", "secret.use", "dev-secret"),
		{"principal": {"scopes": []}},
	)
	{one.title | some one in deny} == {"Access denied. Scope secret:read or secret:use is missing"}
}
