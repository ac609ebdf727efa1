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
	"ssh.connect": {"ssh_session:request"},
	"ssh.command": {"ssh_session:request"},
	"ssh.end": {"ssh_session:request"},
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

# A name that does not exist asks for the scopes of either kind, and another's private secret looks like it.
enough_for_secrets := {
	"ada-private": {
		"secret.read": {"private_secret:read"},
		"secret.use": {"private_secret:read", "secret:use"},
	},
	"bo-private": untold,
	"unknown-secret": untold,
}

untold := {
	"secret.read": {"private_secret:read", "secret:read"},
	"secret.use": {"private_secret:read", "secret:read", "secret:use"},
}

test_scope_by_kind_of_secret[name] if {
	some resource, scopes_by_action in enough_for_secrets
	some action, scopes in scopes_by_action
	some one in every_scope
	name := concat(" ", [resource, action, one])
	answer(action, resource, [one]) == {true: held, false: missing}[one in scopes]
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

test_scopes_of_a_person_count_for_nothing if {
	question := object.union(
		fixture.call("operator", "secret.read", "dev-secret"),
		{"principal": {"status": "active", "scopes": ["secret:read"]}},
	)
	allow := scope.allow with input as question
	allow == set()
}

test_details_name_action_and_scopes if {
	missing_one := object.union(fixture.call("dev-agent", "secret.use", "dev-secret"), {"principal": {"scopes": []}})
	denied := scope.deny with input as missing_one
	[one.details | some one in denied] == [{"action": "secret.use", "scopes": "secret:read or secret:use"}]
	allowed := scope.allow with input as fixture.call("dev-agent", "secret.use", "dev-secret")
	[one.details | some one in allowed] == [{"action": "secret.use", "scopes": ["secret:read", "secret:use"]}]
}

test_title_names_action_and_scopes if {
	deny := scope.deny with input as object.union(
		fixture.call("dev-agent", "secret.use", "dev-secret"),
		{"principal": {"scopes": []}},
	)
	{one.title | some one in deny} == {"Access denied. Scope secret:read or secret:use is missing"}
}
