bats_require_minimum_version 1.5.0
load helpers

@test "oracle: the engine's fingerprint changes with its sources alone" {
    root=$BATS_TEST_DIRNAME/.. copy=$BATS_TEST_TMPDIR/copy
    mkdir "$copy"
    tar -C "$root" -cf - $(cd "$root" && ls lib/*/*.[ch] bin/*.c) | tar -C "$copy" -xf -
    same=$("$root/tests/oracle/fingerprint.sh")
    [[ "$same" =~ ^[0-9a-f]{16}$ ]]
    [ "$("$root/tests/oracle/fingerprint.sh" "$copy")" = "$same" ]
    [ "$(LC_ALL=en_US.UTF-8 "$root/tests/oracle/fingerprint.sh" "$copy")" = "$same" ]
    echo >> "$copy/lib/graph/chain.c"
    [ "$("$root/tests/oracle/fingerprint.sh" "$copy")" = "$same" ]
    echo >> "$copy/lib/model/layer.c"
    [ "$("$root/tests/oracle/fingerprint.sh" "$copy")" != "$same" ]
}

@test "oracle: the result names the peers, and every check of it passed" {
    jq -e '(.engine | test("^[0-9a-f]{16}$")) and (.peers | has("transformers") and has("peft") and has("llama_cpp_python"))
        and (.checks | length >= 11 and all(.status == "ok"))' "$BATS_TEST_DIRNAME/oracle/result.json"
}
