/* check — what a unit test needs: a condition that ends the program, numbers that must agree. */
#ifndef TESTS_UNIT_CHECK_H
#define TESTS_UNIT_CHECK_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Ends the program with status 1 unless the condition holds. */
#define CHECK(cond) \
    do { \
        if (!(cond)) { \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #cond); \
            exit(1); \
        } \
    } while (0)

/* Ends the program with status 1 unless |got - want| <= tol. */
#define CHECK_NEAR(got, want, tol) \
    do { \
        double got_ = (got), want_ = (want), tol_ = (tol); \
        if (!(fabs(got_ - want_) <= tol_)) { \
            fprintf(stderr, "%s:%d: %s is %.17g, not %.17g within %g\n", __FILE__, __LINE__, #got, \
                    got_, want_, tol_); \
            exit(1); \
        } \
    } while (0)

#endif
