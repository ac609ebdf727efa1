# METADATA
# description: A rule of a company adds to deny, require_approval, oblige or allow; anything else is a helper with underscore
# schemas:
#   - input: schema.regal.ast
package custom.regal.rules.certlocker["contribution-set"]

import data.regal.result

report contains violation if {
	_path[0] == "custom"
	not endswith(_path[count(_path) - 1], "_test")
	some rule in input.rules
	name := rule.head.ref[0].value
	not name in {"deny", "require_approval", "oblige", "allow"}
	not startswith(name, "_")
	violation := result.fail(rego.metadata.chain(), result.location(rule.head))
}

_path := [part.value | some index, part in input["package"].path; index > 0]
