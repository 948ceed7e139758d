/* faults — what is wrong with a trace, as far as its record tells. */
#ifndef TEXT_FAULTS_H
#define TEXT_FAULTS_H

#include <jansson.h>

#include "base/err.h"
#include "text/steps.h"

enum fault {
    FAULT_FORM,         /* no completion of visits, verdicts and an answer, or not that of its thoughts */
    FAULT_ANSWER,       /* the answer is wrong */
    FAULT_CITATION,     /* a cited edge is not in the record */
    FAULT_MASKED,       /* a thought names what was masked when it was written */
    FAULT_LENGTH,       /* a thought is shorter or longer than it may be */
    FAULT_REPETITION,   /* the thoughts on a candidate repeat themselves */
    FAULT_DERIVED,      /* the answer derived again without guidance is wrong */
    FAULT_WORSE,        /* another trace of the prompt is likelier */
    FAULTS,             /* none */
};

extern const char *const fault_names[FAULTS];

struct fault_limits {
    long min_length, max_length;    /* characters of a thought, citations left out */
    double max_repetition;          /* share of three words in a row that stood there before */
};

/* The first fault of FORM to REPETITION that the record has, or FAULTS. `s` was read from it (steps_read), with
 * levels where it has "thoughts": then each thought is held against what its writer saw; else the writer saw the
 * question, and what stands between label and verdict is the thought. */
enum fault faults_find(const json_t *rec, const struct steps *s, const struct fault_limits *limits);

#endif
