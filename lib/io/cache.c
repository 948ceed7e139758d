/* cache — HASH.json holds {"question","answer"}: the question is compared, a hash may be another's. */
#include "io/cache.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/hash.h"
#include "io/jsonl.h"

int cache_open(const char *dir, struct err *err) {
    struct stat st;

    if (mkdir(dir, 0777) && errno != EEXIST) return err_set(err, "%s: %s", dir, strerror(errno));
    if (stat(dir, &st) || !S_ISDIR(st.st_mode)) return err_set(err, "%s: not a folder", dir);
    return 0;
}

static void file_name(char name[32], const char *question) {
    struct hash h = hash_start();
    char hex[17];

    hash_string(&h, question);
    hash_hex(hex, hash_value(&h));
    snprintf(name, 32, "%s.json", hex);
}

json_t *cache_find(const char *dir, const char *question) {
    struct buf path = { 0 };
    const char *kept;
    char name[32];
    json_t *entry, *answer = NULL;
    struct err err;

    file_name(name, question);
    buf_printf(&path, "%s/%s", dir, name);
    entry = jsonl_load(buf_text(&path), &err);
    if (entry && !jsonl_string(entry, "question", &kept, &err) && !strcmp(kept, question))
        answer = json_incref(json_object_get(entry, "answer"));
    json_decref(entry);
    buf_free(&path);
    return answer;
}

int cache_keep(const char *dir, const char *question, json_t *answer, struct err *err) {
    json_t *entry = json_pack("{s:s, s:O}", "question", question, "answer", answer);
    char name[32];
    int bad;

    file_name(name, question);
    bad = entry ? jsonl_save(entry, dir, name, false, err) : err_set(err, "%s: the question is not UTF-8", dir);
    json_decref(entry);
    return bad;
}
