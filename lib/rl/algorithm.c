/* algorithm — the table. */
#include "rl/algorithm.h"

static const struct algorithm table[] = {
    { RATIO_TOKEN, MEAN_SEQUENCE, false, BASE_GROUP, false, SCALE_GROUP, KL_K3, false },
    { RATIO_TOKEN, MEAN_CONSTANT, false, BASE_GROUP, false, SCALE_NONE, KL_K3, false },
    { RATIO_TOKEN, MEAN_TOKEN, true, BASE_GROUP, false, SCALE_GROUP, KL_K3, false },
    { RATIO_TOKEN, MEAN_TOKEN, false, BASE_GROUP, false, SCALE_GROUP, KL_K3, false },
    { RATIO_MEAN, MEAN_SEQUENCE, false, BASE_GROUP, false, SCALE_GROUP, KL_K3, false },
    { RATIO_TOKEN, MEAN_TOKEN, false, BASE_NONE, true, SCALE_NONE, KL_K1, true },
    { RATIO_TOKEN, MEAN_TOKEN, false, BASE_GROUP, true, SCALE_NONE, KL_K2, false },
    { RATIO_SUM, MEAN_SEQUENCE, false, BASE_SIBLINGS, false, SCALE_NONE, KL_K1, true },
};

const struct algorithm *algorithm_get(int index) {
    return &table[index];
}
