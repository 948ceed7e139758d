# A local server for tests of programs that ask a teacher.

# teach [PLAN]: starts tests/teacher.py; $url is its address, $BATS_TEST_TMPDIR/teacher its folder.
teach() {
    folder=$BATS_TEST_TMPDIR/teacher
    rm -rf "$folder"
    mkdir "$folder"
    printf 'A' > "$folder/answer"
    python3 "$BATS_TEST_DIRNAME/teacher.py" "$folder" "${1-}" 3>&- &
    teacher=$!
    for ((i = 0; i < 600; i++)); do [ -e "$folder/port" ] && break; sleep 0.05; done
    url=http://127.0.0.1:$(< "$folder/port")/v1
    export no_proxy=127.0.0.1
}

# dismiss: ends it.
dismiss() {
    [ -z "${teacher-}" ] || kill "$teacher" 2> /dev/null || true
    [ -z "${teacher-}" ] || wait "$teacher" 2> /dev/null || true
    teacher=
}

# deeds: what the server did, in order.
deeds() { jq -r .deed "$folder/log" | paste -sd ' '; }
