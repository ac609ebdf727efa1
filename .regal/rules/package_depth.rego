# METADATA
# description: All files of a company are in package custom.<company>; the router does not look deeper
# schemas:
#   - input: schema.regal.ast
package custom.regal.rules.certlocker["package-depth"]

import data.regal.result

report contains violation if {
	_path[0] == "custom"
	count(_path) != 2
	violation := result.fail(rego.metadata.chain(), result.location(input["package"]))
}

_path := [part.value | some index, part in input["package"].path; index > 0]
