package certlocker.lib.contribution_test

import data.certlocker.lib.contribution

whole := {"code": "ACME_RULE_7", "title": "Not today"}

test_whole[name] if {
	some name, more in {
		"code and title": {},
		"everything": {
			"severity": "low",
			"visibility": "operator",
			"details": {"a": 1},
			"quorum": 16,
		},
		"severity low": {"severity": "low"},
		"severity medium": {"severity": "medium"},
		"severity high": {"severity": "high"},
		"severity critical": {"severity": "critical"},
		"visibility agent": {"visibility": "agent"},
		"the shortest code": {"code": "ABC"},
		"the longest code": {"code": concat("", ["A" | some _ in numbers.range(1, 64)])},
		"the longest title": {"title": concat("", [" " | some _ in numbers.range(1, 2048)])},
		"a quorum of one": {"quorum": 1},
	}
	not contribution.is_faulty({object.union(whole, more)})
}

test_fault[name] if {
	some name, given in {
		"no set": [whole],
		"true": true,
		"a text": {"no"},
		"no code": {{"title": "Not today"}},
		"no title": {{"code": "ACME_RULE"}},
		"an empty title": {object.union(whole, {"title": ""})},
		"a title that is a number": {object.union(whole, {"title": 1})},
		"a title that is a list": {object.union(whole, {"title": ["Not today"]})},
		"a title too long": {object.union(whole, {"title": concat("", [" " | some _ in numbers.range(0, 2048)])})},
		"a code of two": {object.union(whole, {"code": "AB"})},
		"a code in lower case": {object.union(whole, {"code": "acme"})},
		"a code with a small letter": {object.union(whole, {"code": "ACMe"})},
		"a code with another character": {object.union(whole, {"code": "ACME~"})},
		"a code that begins with a digit": {object.union(whole, {"code": "7ACME"})},
		"a code that begins with an underscore": {object.union(whole, {"code": "_ACME"})},
		"a code that is a number": {object.union(whole, {"code": 700})},
		"a code that is a list": {object.union(whole, {"code": ["A", "B", "C"]})},
		"a code too long": {object.union(whole, {"code": concat("", ["A" | some _ in numbers.range(0, 64)])})},
		"an unknown severity": {object.union(whole, {"severity": "huge"})},
		"an unknown visibility": {object.union(whole, {"visibility": "all"})},
		"details that are no object": {object.union(whole, {"details": "x"})},
		"a quorum of none": {object.union(whole, {"quorum": 0})},
		"a quorum of too many": {object.union(whole, {"quorum": 17})},
		"a quorum that is no number": {object.union(whole, {"quorum": "2"})},
		"a whole one beside a broken one": {whole, {}},
	}
	contribution.is_faulty(given)
}

test_reason_is_completed if {
	contribution.reason(whole, "custom.acme") == {
		"code": "ACME_RULE_7",
		"title": "Not today",
		"severity": "high",
		"rule": "custom.acme",
		"details": {},
		"visibility": "agent",
	}
}

test_reason_keeps_what_is_given if {
	given := object.union(whole, {"severity": "low", "details": {"day": "sunday"}, "visibility": "operator"})
	contribution.reason(given, "custom.acme") == object.union(given, {"rule": "custom.acme"})
}
