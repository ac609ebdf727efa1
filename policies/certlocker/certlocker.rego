# METADATA
# scope: subpackages
# title: CertLocker's shipped policy
# description: Everything below this package may read the total input certlocker.input/v1 and the tunables in data.certlocker.config.
# schemas:
#   - input: schema.input
package certlocker
