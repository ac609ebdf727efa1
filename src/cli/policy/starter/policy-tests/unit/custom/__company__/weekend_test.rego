package custom.__company___test

import data.custom.__company__
import data.fixture_test as fixture

test_weekend[name] if {
	some name, case in {
		"on saturday": {"weekday": "saturday", "codes": {"__COMPANY___WEEKEND"}},
		"on sunday": {"weekday": "sunday", "codes": {"__COMPANY___WEEKEND"}},
		"on friday": {"weekday": "friday", "codes": set()},
	}
	call := fixture.call("release-agent", "secret.read", "prod-secret")
	question := object.union(call, {"call": {"time": {"weekday": case.weekday}}})
	fixture.codes(__company__.deny) == case.codes with input as question
}

test_silent_about_the_rest[name] if {
	some name, call in {
		"another action": fixture.call("release-agent", "secret.list", "prod-secret"),
		"another environment": fixture.call("release-agent", "secret.read", "dev-secret"),
		"a person": fixture.call("operator", "secret.read", "prod-secret"),
	}
	question := object.union(call, {"call": {"time": {"weekday": "sunday"}}})
	fixture.codes(__company__.deny) == set() with input as question
}

test_words if {
	call := fixture.call("release-agent", "secret.read", "prod-secret")
	question := object.union(call, {"call": {"time": {"weekday": "sunday"}}})
	found := __company__.deny with input as question
	found == {{
		"code": "__COMPANY___WEEKEND",
		"title": "Access denied. Production secrets are not read at the weekend",
		"severity": "medium",
	}}
}
