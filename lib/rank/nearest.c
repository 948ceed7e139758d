/* nearest — Hoare's selection ("Algorithm 65: find", 1961), the middle element as pivot. */
#include "rank/nearest.h"

#include <math.h>

double nearest_bound(double *x, size_t n, size_t k) {
    size_t lo = 0, hi = n - 1;

    if (!k || k > n) return -INFINITY;
    while (lo < hi) {
        double pivot = x[lo + (hi - lo) / 2];
        size_t i = lo, j = hi;

        for (;;) {
            double swap;

            while (x[i] > pivot) i++;
            while (x[j] < pivot) j--;
            if (i >= j) break;
            swap = x[i];
            x[i++] = x[j];
            x[j--] = swap;
        }
        if (k - 1 <= j) hi = j;             /* x[lo..j] >= pivot >= x[j+1..hi] */
        else lo = j + 1;
    }
    return x[k - 1] - 1e-12 * fabs(x[k - 1]);
}
