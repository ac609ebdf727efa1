package certlocker.rules.token_test

import data.certlocker.fixture_test as fixture
import data.certlocker.rules.token

test_token[name] if {
	some name, case in {
		"no token at all, as in a simulation": {"facts": {"id": ""}, "codes": set()},
		"a valid token": {"facts": {"id": "tok_1", "expiresUnixMs": 1000001}, "codes": set()},
		"a token at the millisecond it expires": {"facts": {"id": "tok_1", "expiresUnixMs": 1000000}, "codes": {"TOKEN_EXPIRED"}},
		"a token of unknown expiry": {"facts": {"id": "tok_1", "expiresUnixMs": 0}, "codes": {"TOKEN_EXPIRED"}},
		"an address within the CIDR list": {"facts": {"cidrs": ["10.0.0.0/8"], "cidrMatched": true}, "codes": set()},
		"an address outside the CIDR list": {"facts": {"cidrs": ["10.0.0.0/8"], "cidrMatched": false}, "codes": {"CIDR_MISMATCH"}},
		"an unspent single-use token": {"facts": {"singleUse": true, "spent": false}, "codes": set()},
		"a spent single-use token": {"facts": {"singleUse": true, "spent": true}, "codes": {"TOKEN_SPENT"}},
		"spent means nothing without single use": {"facts": {"singleUse": false, "spent": true}, "codes": set()},
	}
	question := object.union(fixture.call("dev-agent", "secret.read", "dev-secret"), {"token": case.facts})
	found := fixture.codes(token.deny) with input as question
	found == case.codes
}

test_spent_token_leaves_free[action] if {
	some action in ["resource.list", "host.list", "ssh.command", "approval.request", "approval.read", "audit.write", "probe.read"]
	question := object.union(fixture.call("dev-agent", action, "none"), {"token": {"singleUse": true, "spent": true}})
	found := fixture.codes(token.deny) with input as question
	found == set()
}

test_spent_token_refuses[action] if {
	some action in [
		"secret.read",
		"secret.use",
		"certificate.read",
		"certificate.read_key",
		"certificate.request",
		"ssh.request",
		"probe.create",
	]
	question := object.union(fixture.call("dev-agent", action, "none"), {"token": {"singleUse": true, "spent": true}})
	found := fixture.codes(token.deny) with input as question
	found == {"TOKEN_SPENT"}
}
