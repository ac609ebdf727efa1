package certlocker.rules.disclosure_test

import data.certlocker.fixture_test as fixture
import data.certlocker.rules.disclosure

test_disclosure[name] if {
	some name, case in {
		"a raw secret is read": {"action": "secret.read", "resource": "dev-secret", "codes": set()},
		"a use_only secret is not read": {"action": "secret.read", "resource": "use-only-secret", "codes": {"DISCLOSURE_USE_ONLY"}},
		"a use_only secret is used": {"action": "secret.use", "resource": "use-only-secret", "codes": set()},
	}
	found := fixture.codes(disclosure.deny) with input as fixture.call("dev-agent", case.action, case.resource)
	found == case.codes
}

test_hidden_secret_is_not_betrayed if {
	question := object.union(
		fixture.call("dev-agent", "secret.read", "bo-private"),
		{"resource": {"disclosure": "use_only"}},
	)
	found := disclosure.deny with input as question
	found == set()
}
