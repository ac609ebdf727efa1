package certlocker.lib.reason_test

import data.certlocker.lib.reason

annotations := {"title": "{count} of {names} by {who}", "custom": {"code": "A_CODE", "severity": "low"}}

test_title_is_filled_from_the_details if {
	stated := reason.of(annotations, {"count": 2, "names": ["a", "b"], "who": "{count}"})
	stated.title == "2 of a, b by {count}"
	stated.visibility == "agent"
}

test_title_is_bounded if {
	stated := reason.of(annotations, {"names": [format_int(number, 10) | some number in numbers.range(1, 2000)]})
	count(stated.title) == 2048
}

test_reason_has_severity_and_details if {
	stated := reason.of(annotations, {"who": "x"})
	[stated.code, stated.severity, stated.details] == ["A_CODE", "low", {"who": "x"}]
}
