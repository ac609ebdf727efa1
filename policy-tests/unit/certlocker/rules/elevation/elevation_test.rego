package certlocker.rules.elevation_test

import data.certlocker.fixture_test as fixture
import data.certlocker.rules.elevation

lent := {"scopes": {"probe:create"}, "groups": {"prod"}}

nothing := {"scopes": set(), "groups": set()}

test_elevation[name] if {
	some name, case in {
		"live": {"as": "dev-agent", "facts": {}, "lent": lent},
		"not active": {"as": "dev-agent", "facts": {"active": false}, "lent": nothing},
		"at the millisecond it expires": {"as": "dev-agent", "facts": {"expiresUnixMs": 1000000}, "lent": nothing},
		"a person is not elevated": {"as": "operator", "facts": {}, "lent": nothing},
	}
	question := object.union_n([
		fixture.call(case.as, "host.list", "none"),
		{"elevation": {"active": true, "id": "elv_1", "scopes": ["probe:create"], "groups": ["prod"], "expiresUnixMs": 1000001}},
		{"elevation": case.facts},
	])
	scopes := elevation.scopes with input as question
	groups := elevation.groups with input as question
	{"scopes": scopes, "groups": groups} == case.lent
}
