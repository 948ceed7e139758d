/* world_words — genres, titles and names of a synthetic world. */
#include "graph/world_words.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"

enum { FIRST = 48, SECOND = 48, THIRD = 24 };

static const char *const genres[WORLD_GENRES] = {
    "Drama", "Comedy", "Action", "Romance", "Crime", "Horror", "Adventure", "Mystery", "Fantasy",
    "Western", "Musical", "War", "Family", "Thriller", "Sport", "History", "Animation", "Noir"
};

static const char *const first[FIRST] = {
    "Amber", "Ancient", "Bitter", "Blue", "Brave", "Broken", "Burning", "Captive", "Cold",
    "Crimson", "Dark", "Distant", "Eager", "Empty", "Endless", "Fallen", "Final", "Frozen",
    "Gentle", "Golden", "Green", "Hidden", "Hollow", "Honest", "Iron", "Last", "Little", "Lonely",
    "Lost", "Lucky", "Midnight", "Northern", "Paper", "Perfect", "Proud", "Quiet", "Restless",
    "Sacred", "Second", "Secret", "Silent", "Silver", "Stolen", "Strange", "Sweet", "Velvet",
    "Wild", "Winter"
};

static const char *const second[SECOND] = {
    "Anchor", "Angel", "Autumn", "Bridge", "Castle", "Circle", "City", "Crown", "Dancer", "Dream",
    "Empire", "Engine", "Fire", "Forest", "Garden", "Ghost", "Harbor", "Heart", "Horizon", "House",
    "Island", "Journey", "Kingdom", "Lake", "Letter", "Lion", "Mirror", "Moon", "Mountain", "Night",
    "Ocean", "Orchard", "Painter", "Promise", "River", "Road", "Rose", "Shadow", "Soldier", "Song",
    "Stranger", "Summer", "Tower", "Valley", "Voyage", "Widow", "Wind", "Wolf"
};

static const char *const third[THIRD] = {
    "Again", "Alone", "Awakes", "Below", "Beyond", "Burns", "Calls", "Cries", "Dances", "Fades",
    "Falls", "Forever", "Laughs", "Lives", "Remembers", "Returns", "Rises", "Sings", "Sleeps",
    "Together", "Tonight", "Waits", "Wakes", "Wins"
};

const char *world_genre(int g) {
    return genres[g];
}

/* Title number t: the low part chooses two words, what is left a third. */
static void title(char room[WORLD_TITLE], int t) {
    int more = t / (FIRST * SECOND);

    snprintf(room, WORLD_TITLE, "%s %s%s%s", first[t % FIRST], second[t / FIRST % SECOND],
             more ? " " : "", more ? third[more - 1] : "");
}

void world_titles(struct world *w) {
    int rounds = 1 + ((int)w->o.items - 1) / (FIRST * SECOND);
    int n = rounds * FIRST * SECOND;
    int *order = mem_alloc((size_t)n, sizeof *order);
    struct rng r = rng_start(w->o.seed, "world titles", NULL);

    assert(rounds <= 1 + THIRD);
    rng_permutation(&r, order, n);
    for (int i = 0; i < w->o.items; i++) title(w->item[i].title, order[i]);
    free(order);
}

void world_user_name(char name[WORLD_NAME], int u) {
    snprintf(name, WORLD_NAME, "u%d", u + 1);
}

void world_item_name(char name[WORLD_NAME], int i) {
    snprintf(name, WORLD_NAME, "i%d", i + 1);
}

/* The number behind the letter, from 1 to n and without leading zeros or signs, less one; or -1. */
static int find(const char *name, char letter, long n) {
    char *end;
    long k;

    if (name[0] != letter || name[1] < '1' || name[1] > '9') return -1;
    k = strtol(name + 1, &end, 10);
    return *end || k > n ? -1 : (int)k - 1;
}

int world_find_user(const struct world *w, const char *name) {
    return find(name, 'u', w->o.users);
}

int world_find_item(const struct world *w, const char *name) {
    return find(name, 'i', w->o.items);
}
