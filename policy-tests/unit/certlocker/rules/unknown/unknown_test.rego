package certlocker.rules.unknown_test

import data.certlocker.fixture_test as fixture
import data.certlocker.rules.unknown

test_unknown[name] if {
	some name, case in {
		"a secret that exists": {"as": "dev-agent", "resource": "dev-secret", "facts": {}, "codes": set()},
		"a secret that does not exist": {"as": "dev-agent", "resource": "unknown-secret", "facts": {}, "codes": {"RESOURCE_UNKNOWN"}},
		"the owner's private secret": {"as": "dev-agent", "resource": "ada-private", "facts": {}, "codes": set()},
		"another owner's private secret": {"as": "dev-agent", "resource": "bo-private", "facts": {}, "codes": {"RESOURCE_UNKNOWN"}},
		"a private secret without owner": {"as": "dev-agent", "resource": "bo-private", "facts": {"owner": ""}, "codes": {"RESOURCE_UNKNOWN"}},
		"no resource": {"as": "dev-agent", "resource": "none", "facts": {}, "codes": set()},
		"something new without a name": {"as": "dev-agent", "resource": "none", "facts": {"type": "certificate"}, "codes": set()},
		"a name of no type": {"as": "dev-agent", "resource": "none", "facts": {"name": "x"}, "codes": set()},
		"a person meets 404 instead": {"as": "operator", "resource": "unknown-secret", "facts": {}, "codes": set()},
	}
	question := object.union(fixture.call(case.as, "secret.read", case.resource), {"resource": case.facts})
	found := fixture.codes(unknown.deny) with input as question
	found == case.codes
}

test_missing_and_hidden_read_alike if {
	missing := unknown.deny with input as fixture.call("dev-agent", "secret.read", "unknown-secret")
	hidden := unknown.deny with input as fixture.call("dev-agent", "secret.read", "bo-private")
	missing == hidden
	{one.title | some one in missing} == {"Access denied. No secret of that name is available"}
}
