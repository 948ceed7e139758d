# Records against the page that defines them, man/r2rec-records.5.

# The fields of the page, one a line: section, field that holds it (or -), name, needed or optional, type.
# A section's list names fields by "It Fa name , name Pq type"; where the type says objects, the text under
# it names theirs by "Fa name , name", and a "Pq optional" behind it holds for these.
page_fields() {
    awk '
        function add(parent, name, type) {
            gsub(/ Ns Ar [a-z]+( Ns Fa )?/, "*", name)
            n++
            section_of[n] = section; parent_of[n] = parent; name_of[n] = name
            needed[n] = type ~ /optional/ ? "optional" : "needed"; type_of[n] = type
        }
        function names(text) { sub(/( [.,;:])+$/, "", text); count = split(text, name, " , ") }
        /^\.Ss / { section = substr($0, 5) }
        /^\.(Ss|El|Bl|Sh)/ { held = 0; next }
        /^\.It Fa / {
            type = $0
            if (!sub(/.* Pq /, "", type)) type = "any"
            text = substr($0, 8)
            sub(/ Pq .*/, "", text)
            names(text)
            held = count
            for (i = 1; i <= count; i++) { add("-", name[i], type); holder[i] = name[i] }
            if (type !~ /object/) held = 0
            next
        }
        held && /^\.Fa / {
            first = n + 1
            names(substr($0, 5))
            for (i = 1; i <= count; i++) for (h = 1; h <= held; h++) add(holder[h], name[i], "any")
            next
        }
        held && /^\.Pq optional/ { for (i = first; i <= n; i++) needed[i] = "optional" }
        END { for (i = 1; i <= n; i++) print section_of[i] "\t" parent_of[i] "\t" name_of[i] "\t" needed[i] "\t" type_of[i] }
    ' "$BATS_TEST_DIRNAME/../man/r2rec-records.5"
}

# checks FILE SECTION[,SECTION...] [PASSED[,PASSED...]]: whether each record of the file has the fields of the
# sections and no others; fields of the passed sections may be there too. Says what is wrong.
checks() {
    page_fields > "$BATS_TEST_TMPDIR/fields"
    jq -nr --rawfile page "$BATS_TEST_TMPDIR/fields" --arg own "$2" --arg passed "${3:-}" '
        def objects_of: if type == "array" then .[] | objects_of elif type == "object" then . else empty end;
        def is($t):
            if $t | startswith("string") then type == "string"
            elif $t | startswith("integer") then type == "number" and . == floor
            elif $t | startswith("number or null") then . == null or type == "number"
            elif $t | startswith("number") then type == "number"
            elif $t | startswith("boolean") then type == "boolean"
            elif $t | startswith("object") then type == "object"
            elif $t | startswith("array of arrays of objects") then all(.[][]; type == "object")
            elif $t | startswith("array of arrays of strings") then all(.[][]; type == "string")
            elif $t | startswith("array of objects") then all(.[]; type == "object")
            elif $t | startswith("array of strings") then all(.[]; type == "string")
            elif $t | startswith("array of integers") then all(.[]; type == "number" and . == floor)
            elif $t | startswith("array of numbers or null") then all(.[]; . == null or type == "number")
            else $t == "any" end;
        def fits($name): split("*") as $p | $name | startswith($p[0]) and endswith($p[1]);
        ($own | split(",")) as $own | ($own + ($passed | split(","))) as $all |
        [$page | split("\n")[] | select(. != "") | split("\t")
         | {section: .[0], holder: .[1], name: .[2], needed: (.[3] == "needed"), type: .[4]}] as $page |
        [$page[] | select(.section as $s | $all | index($s))] as $fields |
        [$fields[] | select(.section as $s | $own | index($s))] as $mine |
        [$fields | group_by(.holder)[] | .[0].holder as $h | {holder: $h, names: map({key: .name, value: 1}) | from_entries,
            stars: map(.name | select(contains("*"))),
            needed: [$mine[] | select(.holder == $h and .needed) | .name]}] as $holders |
        [$mine[] | select(.holder == "-")] as $typed |
        ($own[] | select(. as $s | any($page[]; .section == $s) | not) | "no section \(.) in the page"),
        (inputs as $rec |
            ($holders[] as $h | (if $h.holder == "-" then $rec else $rec[$h.holder] | objects_of end) as $obj |
             ($obj | keys_unsorted[] | select($h.names[.] | not)
                   | select(. as $k | any($h.stars[]; fits($k)) | not) | "\($h.holder) has \(.), which the page does not name"),
             ($h.needed[] | select(. as $n | $obj | has($n) or ($n | contains("*")) and any(keys[]; . as $k | $n | fits($k)) | not)
                   | "\($h.holder) lacks \(.)")),
            ($typed[] as $f | select($rec | has($f.name)) | select($rec[$f.name] | is($f.type) | not)
                   | "\($f.name) is not \($f.type): \($rec[$f.name] | tojson)"))
    ' "$1" > "$BATS_TEST_TMPDIR/wrong"
    sort "$BATS_TEST_TMPDIR/wrong" | uniq -c
    [ -s "$1" ] && [ ! -s "$BATS_TEST_TMPDIR/wrong" ]
}
