/* chart_own — between reading a chart and gathering it. */
#ifndef PLOT_CHART_OWN_H
#define PLOT_CHART_OWN_H

#include "plot/chart.h"

/* The index of a name, which is added when it is new. */
size_t chart_name(struct chart_names *names, const char *name);

/* The panel where a field of a kind is drawn, added when it is new; borrowed until the next. */
struct chart_panel *chart_panel_of(struct chart *c, enum chart_kind kind,
                                   const struct chart_field *f);

void chart_add(struct chart_panel *p, struct chart_mark m);

#endif
