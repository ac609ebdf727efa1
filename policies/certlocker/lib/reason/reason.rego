# METADATA
# title: Reasons
# description: Builds the reason that a rule contributes from the rule's own METADATA, so that code, title and severity are written once.
package certlocker.lib.reason

# METADATA
# title: The reason a rule states
# description: >
#   Call it as `reason.of(rego.metadata.rule(), details)`. Placeholders such as {type} in the title are filled from
#   the details: lists are joined by comma and space, text stands as it is.
of(annotations, details) := {
	"code": annotations.custom.code,
	"title": _bounded(strings.replace_n(_replacements(details), annotations.title)),
	"severity": annotations.custom.severity,
	"details": details,
	"visibility": object.get(annotations.custom, "visibility", "agent"),
}

_replacements(details) := {concat("", ["{", name, "}"]): _text(value) | some name, value in details}

_text(value) := concat(", ", value) if is_array(value)

_text(value) := value if is_string(value)

_text(value) := format_int(value, 10) if is_number(value)

_title_characters_max := 2048

_bounded(title) := substring(title, 0, _title_characters_max)
