module certlocker.test/openbao

go 1.25

require github.com/openbao/openbao v0.0.0-20250828202315-f9407a27fbee // v2.4.0
