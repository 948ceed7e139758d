bats_require_minimum_version 1.5.0
load helpers

setup() {
    cd "$BATS_TEST_TMPDIR"
    items='{"item":"i","title":"T","year":1994,"genres":["Crime","War"]}'
    events='{"user":"u","item":"i","rating":4.5,"time":7}'
}

@test "graphload: keeps the manners of every program" {
    keeps_manners graphload <<< "$items
$events"
}

@test "graphload: reads MovieLens 100K, and takes years off titles and Latin-1 for UTF-8" {
    mkdir ml
    z='|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0'
    printf '5|Mis\351rables, Les (1995)|01-Jan-1995||http://x|0|1%s|1\n' "$z" > ml/u.item
    printf '6|Heidi (1996) |01-Jan-1997|||0|0%s|0\n' "$z" >> ml/u.item
    printf '7|Land III (1994) (V)||||0|0%s|0\n' "$z" >> ml/u.item
    printf '8|unknown|04-Feb-1971|||1|0%s|0\n' "$z" >> ml/u.item
    printf '9|Never Seen (1990)||||0|0%s|0\n' "$z" >> ml/u.item
    printf '1\t5\t3\t881250949\n2\t6\t5\t10\n1\t7\t1\t5\n2\t8\t4\t11\n' > ml/u.data
    run -0 --separate-stderr graphload ml
    [ "$output" = '{"item":"5","title":"Misérables, Les","year":1995,"genres":["Action","Western"]}
{"item":"6","title":"Heidi","year":1996}
{"item":"7","title":"Land III (V)","year":1994}
{"item":"8","title":"unknown","year":1971}
{"user":"1","item":"5","rating":3,"time":881250949}
{"user":"2","item":"6","rating":5,"time":10}
{"user":"1","item":"7","rating":1,"time":5}
{"user":"2","item":"8","rating":4,"time":11}' ]
    [ "$stderr" = 'graphload: ml/u.item: lines that are not UTF-8 are taken for Latin-1
graphload: 2 users, 4 items, 4 events' ]
    [ "$(graphload -q --all-items ml | grep -c '"title"')" = 5 ]
    diff <(graphload -q ml) <(graphload -q --format ml-100k ml/u.item ml/u.data)
}

@test "graphload: reads MovieLens 1M" {
    mkdir ml
    printf '1::Cit\351 des :: enfants, La (1995)::Action|Sci-Fi\n2::Jumanji (1995)::Adventure\n' > ml/movies.dat
    printf '1::1::5::978300760\r\n1::2::3.5::978300761\r\n' | gzip > ml/ratings.dat.gz
    printf '1::F::1::10::48067\n' > ml/users.dat
    run -0 graphload -q ml
    [ "$output" = '{"item":"1","title":"Cité des :: enfants, La","year":1995,"genres":["Action","Sci-Fi"]}
{"item":"2","title":"Jumanji","year":1995,"genres":["Adventure"]}
{"user":"1","item":"1","rating":5,"time":978300760}
{"user":"1","item":"2","rating":3.5,"time":978300761}' ]
    run -1 --separate-stderr graphload -q ml/users.dat
    [ "$stderr" = 'graphload: ml/users.dat:1: not the 3 fields item, title, genres' ]
}

@test "graphload: reads RecBole's atomic files, and sequences" {
    mkdir rb seq
    printf 'item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n' > rb/x.item
    printf '1\tToy "Story"\t1995\tAnimation Children'"'"'s\n2\tOther\t\t\n' >> rb/x.item
    printf 'user_id:token\titem_id:token\trating:float\ttimestamp:float\n' > rb/x.inter
    printf '7\t1\t3.0\t881250949.0\n7\t2\t4\t881250950\n' >> rb/x.inter
    run -0 graphload -q rb
    [ "$output" = '{"item":"1","title":"Toy \"Story\"","year":1995,"genres":["Animation","Children'"'"'s"]}
{"item":"2","title":"Other"}
{"user":"7","item":"1","rating":3,"time":881250949}
{"user":"7","item":"2","rating":4,"time":881250950}' ]
    printf 'user_id:token\titem_id_list:token_seq\titem_id:token\n0\t5 6\t7\n' > seq/g.valid.inter
    printf 'user_id:token\titem_id_list:token_seq\titem_id:token\n0\t5 6 7\t8\n' > seq/g.test.inter
    run -0 --separate-stderr graphload seq
    [ "$(jq -r .item <<< "$output" | xargs)" = '5 6 7 8' ]
    [ "$stderr" = 'graphload: 7 events without a time: times are left out, the order of reading counts
graphload: 3 events dropped for later ones of the same pair
graphload: 1 users, 4 items, 4 events' ]
}

@test "graphload: reads LLaRA's rows, whose padding is left out and whose rated items count from 0" {
    mkdir llara
    printf '7\t0:4 3:5 2:3\n8\t5:3\n' > llara/train.sequences.tsv
    cat > llara/val.jsonl <<'END'
{"user_id": 5, "seq": [[1, 4], [0, 3], [9, 0]], "len_seq": 2, "next": [4, 5]}
END
    cat > llara/test.jsonl <<'END'
{"user_id": "x", "seq": [[9, 0], [9, 0], [9, 0]], "len_seq": 1, "next": [2, 4]}
{"user_id": 3, "seq": [[2, 4], [1, 5], [0, 1]], "len_seq": 3, "next": [3, 5]}
END
    printf '1::One (1995)::Drama\n3::Three::War\n' > movies.dat
    run -0 --separate-stderr graphload llara movies.dat
    [ "$(jq -r 'select(.user) | .user + ":" + .item + "=" + (.rating | tostring)' <<< "$output" | xargs)" = \
      '7:1=4 7:4=5 7:3=3 8:6=3 5:2=4 5:1=3 5:5=5 x:3=4 3:3=4 3:2=5 3:1=1 3:4=5' ]
    [ "$(jq -c 'select(.title)' <<< "$output" | head -n 1)" = '{"item":"1","title":"One","year":1995,"genres":["Drama"]}' ]
    [ "$stderr" = 'graphload: 12 events without a time: times are left out, the order of reading counts
graphload: 5 users, 6 items, 12 events' ]
    diff <(graphload -q llara) <(graphload -q --format llara llara/{train.sequences.tsv,val.jsonl,test.jsonl})
    cp llara/val.jsonl llara/train.first100.jsonl
    run -0 --separate-stderr graphload llara
    [ "${stderr_lines[0]}" = 'graphload: llara holds several data sets; llara is read' ]
}

@test "graphload: reads LLaRA's rows without users and ratings as users of their own" {
    mkdir steam
    printf '0::Ironbound (2014)\n1::Two::2\n2::\n3::Not seen\n' > steam/id2name.txt
    echo '{"row": 40, "seq": [0, 9, 9], "len_seq": 1, "next": 1}' > steam/train.sample2.jsonl
    echo '{"seq": [9, 9, 9], "len_seq": 1, "next": 2}' > steam/val.jsonl
    printf '%s\n' '{"seq": [1, 0, 2], "len_seq": 3, "next": 4}' '{"seq": [2, 9, 9], "len_seq": 1, "next": 0}' > steam/test.jsonl
    run -0 graphload -q steam
    [ "$output" = '{"item":"0","title":"Ironbound (2014)"}
{"item":"1","title":"Two::2"}
{"item":"2"}
{"user":"train:40","item":"0"}
{"user":"train:40","item":"1"}
{"user":"val:1","item":"2"}
{"user":"test:1","item":"1"}
{"user":"test:1","item":"0"}
{"user":"test:1","item":"2"}
{"user":"test:1","item":"4"}
{"user":"test:2","item":"2"}
{"user":"test:2","item":"0"}' ]
}

@test "graphload: LLaRA's parts are the split by users" {
    mkdir llara
    for u in 1 2 3 4 5 6 7 8; do printf '%d\t%d:3 11:4 12:5\n' $u $u; done > llara/train.sequences.tsv
    echo '{"user_id": 20, "seq": [[11, 4], [1, 5]], "len_seq": 2, "next": [12, 5]}' > llara/val.jsonl
    echo '{"user_id": 30, "seq": [[12, 4], [1, 5]], "len_seq": 2, "next": [11, 5]}' > llara/test.jsonl
    graphload -q llara > graph
    split() { candidates -q --protocol users --min-history 1 --negatives 2 --split "$1" graph |
              jq -r '"\(.user):\(.candidates[.target].item)"' | xargs; }
    [ "$(split valid)" = 20:13 ]
    [ "$(split test)" = 30:12 ]
    [ "$(split train)" = '1:12 1:13 2:12 2:13 3:12 3:13 4:12 4:13 5:12 5:13 6:12 6:13 7:12 7:13 8:12 8:13' ]
}

@test "graphload: reads Amazon's reviews and metadata of three decades" {
    cat > reviews.json <<'END'
{"overall": 5.0, "reviewerID": "R1", "asin": "B1", "unixReviewTime": 1529193600, "reviewText": "long"}
{"user_id": "R2", "asin": "variant", "parent_asin": "B2", "rating": 4, "timestamp": 1588687728923}
{"overall": 2.0, "reviewerID": "R1", "asin": "B3", "unixReviewTime": 1529193601}
END
    cat > meta.json <<'END'
{"asin": "B1", "title": "Salt &amp;  Pepper &#39;n&#x20AC;", "category": ["Food", "Food", "A|B", "</span>", "Never"]}
{"parent_asin": "B2", "title": "Two", "categories": ["Food", "Tea", "This is a bullet point of forty bytes or more."]}
{"asin": "B3", "categories": [["Home", "Kitchen"], ["Home", "Cups"]]}
{"asin": "B9", "title": "Not reviewed"}
END
    gzip meta.json
    run -0 graphload -q reviews.json meta.json.gz
    [ "$output" = '{"item":"B1","title":"Salt & Pepper '"'"'n€","genres":["Food","A/B"]}
{"item":"B2","title":"Two","genres":["Food","Tea"]}
{"item":"B3","genres":["Home","Kitchen","Cups"]}
{"user":"R1","item":"B1","rating":5,"time":1529193600}
{"user":"R2","item":"B2","rating":4,"time":1588687728}
{"user":"R1","item":"B3","rating":2,"time":1529193601}' ]
    mkdir amazon && mv reviews.json meta.json.gz amazon
    [ "$(graphload -q --format amazon amazon | sort)" = "$(sort <<< "$output")" ]
}

@test "graphload: reads tables with named columns" {
    printf '\357\273\277movieId,title,genres\n1,"American President, The (1995)",Comedy|Drama\n2,"A ""B""\nC",(none)\n' > movies.csv
    printf 'userId,movieId,rating,timestamp\n1,1,4.0,964982703\n1,2,0.5,964981247\n' > ratings.csv
    run -0 graphload -q .
    [ "$output" = '{"item":"1","title":"American President, The","year":1995,"genres":["Comedy","Drama"]}
{"item":"2","title":"A \"B\" C","genres":["(none)"]}
{"user":"1","item":"1","rating":4,"time":964982703}
{"user":"1","item":"2","rating":0.5,"time":964981247}' ]
    printf 'who;what;when;called;made;sort\nann;tea;5;Green;1.1.2001;a, b\n' > own.txt
    run -0 graphload -q --user-column who --item-column what --time-column when --title-column called \
        --year-column made --genres-column sort own.txt
    [ "$output" = '{"item":"tea","title":"Green","year":2001,"genres":["a","b"]}
{"user":"ann","item":"tea","time":5}' ]
    run -0 graphload -q --user-column 2 --item-column 1 --delimiter : <<< 'tea:ann'
    [ "$output" = '{"user":"ann","item":"tea"}' ]
    printf 'user\titem\n"a\tb\n' > quote.tsv
    run -0 graphload -q quote.tsv
    [ "$output" = '{"user":"\"a","item":"b"}' ]
}

@test "graphload: reads graph records from stdin, keeps fields it does not know, completes items" {
    run -0 graphload -q - <<< '{"item":"i","title":"T","z":[1,{"q":null}]}
{"user":"u","item":"i","note":"x","time":1,"rating":4.50}
{"user":"u","item":7,"time":2,"rating":5}

{"item":"i","year":1999,"y":2}'
    [ "$output" = '{"item":"i","title":"T","year":1999,"z":[1,{"q":null}],"y":2}
{"user":"u","item":"i","rating":4.5,"time":1,"note":"x"}
{"user":"u","item":"7","rating":5,"time":2}' ]
    diff <(graphload -q <<< "$output") - <<< "$output"
}

@test "graphload: keeps the last event of a pair, then rated ones, then the core" {
    run -0 --separate-stderr graphload --min-rating 3 --k-core 2 <<'END'
{"user":"a","item":"x","rating":5,"time":9}
{"user":"a","item":"x","rating":1,"time":3}
{"user":"a","item":"y","rating":3,"time":4}
{"user":"b","item":"x","rating":4,"time":1}
{"user":"b","item":"y","rating":4,"time":2}
{"user":"b","item":"z","rating":5,"time":2}
{"user":"c","item":"z","rating":5,"time":2}
{"user":"c","item":"w","rating":2,"time":2}
{"user":"c","item":"x","time":2}
END
    [ "$(jq -r '.user + .item + "\(.rating)"' <<< "$output" | xargs)" = 'ax5 ay3 bx4 by4' ]
    [ "$stderr" = 'graphload: 1 events dropped for later ones of the same pair
graphload: 2 events dropped by --min-rating
graphload: 2 events dropped by --k-core
graphload: 2 users, 2 items, 4 events' ]
}

@test "graphload: a graph file gives the graph of the records, and the records again" {
    graphsynth -q --users 60 --items 40 --events 12 --seed 3 | shuf --random-source=<(yes) > w.jsonl
    graphload -q w.jsonl > a.jsonl
    graphload -q -o a.graph w.jsonl > out
    [ ! -s out ]
    cmp <(candidates -q --split test a.jsonl) <(candidates -q --split test a.graph)
    cmp <(candidates -q --split test a.jsonl) <(candidates -q --split test < a.graph)
    graphload -q a.graph > b.jsonl
    cmp <(sort a.jsonl) <(sort b.jsonl)
    graphload -q -o b.graph b.jsonl
    cmp a.graph b.graph
    jq -c 'del(.time)' w.jsonl | graphload -q -o c.graph
    graphload -q c.graph | graphload -q -o d.graph
    cmp c.graph d.graph
}

@test "graphload: a graph file that is damaged, cut or joined with others is refused" {
    graphload -q -o a.graph <<< "$events"
    head -c 300 a.graph > cut.graph
    run -1 --separate-stderr candidates cut.graph
    [ "$stderr" = "candidates: cut.graph: the file has 300 bytes, its header says $(stat -c %s a.graph)" ]
    head -c 20 a.graph > cut.graph
    run -1 --separate-stderr graphload cut.graph
    [ "$stderr" = 'graphload: cut.graph: the file is too short for a graph file' ]
    cp a.graph bad.graph
    printf x | dd of=bad.graph bs=1 seek=600 conv=notrunc status=none
    run -1 --separate-stderr candidates bad.graph
    [ "$stderr" = 'candidates: bad.graph: the checksum is wrong: the file is damaged' ]
    run -1 --separate-stderr candidates a.graph a.graph
    [ "$stderr" = 'candidates: a.graph: a graph file is a whole graph and cannot be joined with others' ]
    run -1 --separate-stderr graphload -o no/such/a.graph <<< "$events"
    [[ "$stderr" == *"graphload: no/such/a.graph.tmp."*": No such file or directory" ]]
    mkfifo pipe
    run -1 --separate-stderr graphload -q -o pipe <<< "$events"
    [ "$stderr" = 'graphload: pipe: not a regular file' ]
    ln -s a.graph link.graph
    graphload -q -o link.graph <<< "$items
$events"
    [ -L link.graph ]
    cmp <(graphload -q a.graph) <(graphload -q <<< "$items
$events")
}

@test "graphload: reads the data set of a directory, of its only folder, or that which is named" {
    mkdir -p both/ml-100k both/other
    printf '1\t5\t3\t8\n' > both/ml-100k/u.data
    printf 'user_id:token\titem_id:token\n9\t5\n' > both/ml-100k/x.inter
    run -0 --separate-stderr graphload both
    [ "$output" = '{"user":"1","item":"5","rating":3,"time":8}' ]
    [ "${stderr_lines[0]}" = 'graphload: both/ml-100k holds several data sets; ml-100k is read' ]
    run -0 --separate-stderr graphload -q --format recbole both/
    [ "$output" = '{"user":"9","item":"5"}' ]
    [ -z "$stderr" ]
    echo "$events" > both/other/e.jsonl
    run -1 --separate-stderr graphload both
    [ "$stderr" = 'graphload: both: several folders hold data sets: ml-100k, other' ]
    mkdir empty
    run -1 --separate-stderr graphload empty
    [ "$stderr" = 'graphload: empty: no file of a data set that is known: u.data, ratings.dat, *.inter, train.sequences.tsv, id2name.txt, ratings.csv, *.json, *.jsonl' ]
}

@test "graphload: takes a line of any length, and one that is UTF-8 for Latin-1 if told so" {
    long=$(head -c 400000 /dev/zero | tr '\0' x)
    [ "$(graphload -q <<< "{\"user\":\"u\",\"item\":\"i\",\"x\":\"$long\"}" | wc -c)" = 400031 ]
    run -0 graphload -q --latin1 <<< '{"user":"é","item":"i"}'
    [ "$output" = '{"user":"Ã©","item":"i"}' ]
}

# fails INPUT MESSAGE [OPTION...]: what graphload says of the input, as in.
fails() {
    local want=$2
    printf "$1" > in
    run -1 --separate-stderr graphload -q "${@:3}" in
    echo "got: $stderr"
    [ "$stderr" = "graphload: $want" ]
    [ -z "$output" ]
}

@test "graphload: names file and line of what is wrong" {
    fails '' 'no events'
    fails '{"item":"i"}\n' 'no events'
    fails '{"user":"u","item":"i"}\n{"user":\n' "in:2: column 8: unexpected token near end of file"
    fails '{"user":"u"}\n' 'in:1: "item" is missing or not a string'
    fails '{"user":"u","item":"i","rating":1e60}\n' 'in:1: "rating" is out of range'
    fails '{"item":"i","title":3}\n' 'in:1: "title" is not a string'
    fails '{"item":"i","genres":3}\n' 'in:1: "genres" is not an array'
    fails '{"item":"i","genres":[3]}\n' 'in:1: "genres" holds what is not a string'
    fails '{"item":"i","year":0.5}\n' 'in:1: "year" is not a whole number from -10000 to 10000'
    fails '{"asin":3}\n' 'in:1: "asin" is missing or not a string'
    fails '{"asin":"a","overall":3}\n' 'in:1: "reviewerID" is missing or not a string'
    fails '{"asin":"a","reviewerID":"r","overall":"x"}\n' 'in:1: "overall" is missing or not a number'
    fails '{"asin":"a","reviewerID":"r","overall":1e9}\n' 'in:1: the rating is out of range'
    fails '{"asin":"a","reviewerID":"r","unixReviewTime":1e19}\n' 'in:1: the time is out of range'
    fails '1\t2\t3\t4\n1\t2\t3\n' 'in:2: not the 4 fields user, item, rating, time'
    fails '1\t2\t3\t4\n\t2\t3\t4\n' 'in:2: the user is empty'
    fails '1\t2\t3\t4\n1\t\t3\t4\n' 'in:2: the item is empty'
    fails '1\t2\t3\t4\n1\t2\tnan\t4\n' 'in:2: the rating "nan" is not a number'
    fails '1\t2\t3\t4\n1\t2\t3\t1e30\n' 'in:2: the time "1e30" is not a number of seconds'
    fails '1|x\n' 'in:1: not the 24 fields of u.item' --format ml-100k
    fails '1::2\n' 'in:1: not the 3 fields item, title, genres' --format ml-1m
    fails '{"seq":1,"next":2}\n' 'in:1: "seq" is missing or not an array'
    fails '{"seq":[1],"next":2}\n' 'in:1: "len_seq" is missing or not a number'
    fails '{"seq":[1],"len_seq":2,"next":2}\n' 'in:1: "len_seq" is not a whole number from 0 to 1'
    fails '{"seq":[1],"len_seq":1,"next":"2"}\n' 'in:1: "next" is missing or not an item'
    fails '{"seq":[1],"len_seq":1,"next":[2]}\n' 'in:1: "next" is missing or not an item'
    fails '{"seq":["1"],"len_seq":1,"next":2}\n' 'in:1: "seq" holds what is not an item'
    fails '{"seq":[1,-1],"len_seq":1,"next":2}\n' 'in:1: "seq" holds what is not an item'
    fails '{"user_id":1.5,"seq":[1],"len_seq":1,"next":2}\n' 'in:1: "user_id" is not a name or a whole number'
    fails '{"user_id":1}\n' 'in:1: "seq" is missing or not an array' --format llara
    fails '1\t2:3\n\t2:3\n' 'in:2: not a user, a tab and items with ratings'
    fails '1\t2:3 4\n' 'in:1: not "item:rating" at "4"'
    fails '1\t2:nan\n' 'in:1: not "item:rating" at "nan"'
    fails '1\t2:3,4:5\n' 'in:1: not "item:rating" at "3,4:5"'
    fails '0::a\nb\n' 'in:2: not an item, :: and its name'
    fails 'a,b\n1,2\n' 'in:1: no column of items among "a, b": name one'
    fails 'item,b\n1,2\n' 'in:1: no column of users or titles among "item, b": name one'
    fails '1,2\n' 'in:1: the column of items has no number' --user-column 1
    fails '1,2\n' 'in:1: the columns of users and titles have no numbers' --item-column 1
    fails '1,2\n' 'in:1: there is no column 3' --item-column 1 --user-column 3
    fails 'user,item\n1,2\n' 'no table has the column "stars"' --rating-column stars
    fails 'user,item\n1\n' 'in:2: fewer than 2 fields'
    fails 'user,item\n1,2,3\n' 'in:2: more than 2 fields'
    fails 'user,item\n1,"2\n\n' 'in:3: a quote is not closed'
    fails 'user,item\n1,\n' 'in:2: the item is empty'
    fails 'user,item\n,1\n' 'in:2: the user is empty'
    fails 'user,item\n' 'in:1: the header has no types, as in "user_id:token"' --format recbole
    fails 'user,item\na\0,b\n' 'in:2: a zero byte: this is not text'
    fails '{"user":"u","item":"i"}\n' 'no event is left of 1' --k-core 2
    { printf '{"user":"u","item":"i"}\n' | gzip | head -c 30; } > in
    run -1 --separate-stderr graphload in
    [ "$stderr" = 'graphload: in: damaged gzip data: cut off' ]
    run -1 --separate-stderr graphload no-such
    [ "$stderr" = 'graphload: no-such: No such file or directory' ]
    run -2 --separate-stderr graphload --delimiter ab in
    [[ "$stderr" == "graphload: --delimiter takes one character or tab, not 'ab'"* ]]
}

@test "graphload: feeds the programs of the road" {
    graphsynth -q --users 60 --items 40 --events 12 > w.jsonl
    graphload --quiet w.jsonl | chainsample --limit 3 > chains.jsonl
    [ "$(wc -l < chains.jsonl)" = 3 ]
}
