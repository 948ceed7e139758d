#!/bin/bash
# run — every test: the manual pages, the unit programs, the bats files. Ends with "N passed, N failed".
set -u
cd "$(dirname "$0")/.." || exit 1
passed=0 failed=0

# check NAME COMMAND...: counts one check and shows its output when it fails.
check() {
    local name=$1 out
    shift
    if out=$("$@" 2>&1); then
        echo "ok $name"
        passed=$((passed + 1))
    else
        echo "not ok $name"
        printf '%s\n' "$out" | sed 's/^/# /'
        failed=$((failed + 1))
    fi
}

for page in man/*.[157]; do check "$page is lint-clean" mandoc -Tlint -W warning "$page"; done
for unit in tests/unit/*.c; do check "${unit%.c}" timeout 300 "${unit%.c}"; done
tap=$(mktemp)
bats --tap tests 2>&1 | tee "$tap"
passed=$((passed + $(grep -c '^ok' "$tap")))
failed=$((failed + $(grep -c '^not ok' "$tap")))
planned=$(sed -n 's/^1\.\.//p' "$tap" | head -n 1)
[ "${planned:-x}" = "$(grep -cE '^(not )?ok' "$tap")" ] || failed=$((failed + 1))
rm -f "$tap"
then=$(sed -n 's/^ *"engine": "\(.*\)",$/\1/p' tests/oracle/result.json)
[ "$then" = "$(tests/oracle/fingerprint.sh)" ] ||
    echo "# the engine has changed since the oracle's result of $(sed -n 's/^ *"date": "\(.*\)",$/\1/p' \
        tests/oracle/result.json); make oracle checks it again"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
