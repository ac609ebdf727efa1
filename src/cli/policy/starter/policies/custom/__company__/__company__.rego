# METADATA
# title: The rules of __company__
# description: >
#   Every file of this folder is part of this package, and adds to deny, require_approval, oblige or allow. The shipped
#   rules are merged with them at build and are never edited. What allow says counts only when the operator switched
#   customMayAllow on.
# schemas:
#   - input: schema.input
package custom.__company__

# METADATA
# title: The reason as a rule's METADATA states it
# description: "Call it as `_reason(rego.metadata.rule())`, so that code, title and severity are written once."
_reason(annotations) := {
	"code": annotations.custom.code,
	"title": annotations.title,
	"severity": annotations.custom.severity,
}
