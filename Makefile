# R2Rec: recommendation by a language model that reasons over the user-item graph.
#   make          build bin/*             make test       every test         make demo       the whole road
#   make deps     install what it needs   make sanitize   ASan and UBSan     make ml-100k    on MovieLens
#   make install  PREFIX, DESTDIR         make bench      speed, CASE=name   make crash      kill -9, resume
#   make smollm2  a pretrained model       make oracle   against the peers   make floors  DATA=dir: the classical models
#   make teacher  trace and tracefilter with a real server                   make bench-peers  beside torch, llama.cpp
#   make ablations  MINUTES=75: is RL doing anything, and what is each part of the road worth?
#   make fuzz     FUZZ_S=60 seconds a target, FUZZ_TARGET=name for one alone; make fuzz-planted: a bug is found
PREFIX  ?= /usr/local
DESTDIR ?=
CFLAGS  ?= -O2 -g
R2FLAGS  = -std=c11 -Wall -Wextra -Wshadow -Wmissing-prototypes -ffp-contract=off -pthread \
           -ffile-prefix-map=$(CURDIR)=. -Ilib
LDLIBS   = -Wl,--as-needed -lopenblas -ljansson -lpcre2-8 -lutf8proc -lz -lm
LINK     = $(CC) $(R2FLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

BIN   := $(basename $(wildcard bin/*.c))
UNIT  := $(basename $(wildcard tests/unit/*.c))
BENCH := $(basename $(wildcard bench/*.c))
LIB   := $(patsubst %.c,%.o,$(wildcard lib/*/*.c))
# Units whose names end in 64 check numbers in a build in which a real (tensor/real.h) is a double.
LIB64  := $(patsubst %.c,%.d64.o,$(wildcard lib/tensor/*.c lib/model/*.c lib/train/*.c lib/rank/*.c lib/rl/*.c))
UNIT64 := $(filter %64,$(UNIT))
# Fuzz targets: clang's libFuzzer over all but the kernels, in a folder of their own.
FUZZ   := $(patsubst fuzz/%.c,out/fuzz/%,$(wildcard fuzz/*.c))
FUZZCC  = clang-14 $(R2FLAGS) -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all -fsanitize=address,undefined
MAN  := $(wildcard man/*.[157])
# For a make within a recipe: on all cores, unless the caller chose a number of jobs.
QUIET = --no-print-directory -s $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))

all: $(BIN)

deps:
	@pipelines/deps.sh

lib/libr2rec.a: $(LIB)
lib/libr2rec64.a: $(LIB64)
%.a:
	rm -f $@ && $(AR) rcsD $@ $^

%.o: %.c
	$(CC) $(R2FLAGS) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

%.d64.o: %.c
	$(CC) $(R2FLAGS) -DREAL_DOUBLE $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

bin/trace bin/tracefilter: LDLIBS += -lcurl
$(BIN) $(BENCH) $(filter-out $(UNIT64),$(UNIT)): %: %.o lib/libr2rec.a
	$(LINK)

$(UNIT64): %: %.d64.o lib/libr2rec64.a lib/libr2rec.a
	$(LINK)

out/fuzz/%.o: %.c
	@mkdir -p $(@D)
	$(FUZZCC) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

out/fuzz/lib.a: $(patsubst %,out/fuzz/%,$(filter-out lib/tensor/%,$(LIB))) $(filter lib/tensor/%,$(LIB))
$(FUZZ): out/fuzz/%: out/fuzz/fuzz/%.o out/fuzz/lib.a
	$(FUZZCC) -fsanitize=fuzzer -o $@ $^ $(LDLIBS)

test: deps
	@$(MAKE) $(QUIET) $(BIN) $(UNIT) $(BENCH)
	@tests/run.sh

sanitize: deps
	+@tests/sanitize.sh

demo ml-100k smollm2 floors ablations: deps
	@$(MAKE) $(QUIET) all
	@pipelines/$@.sh

bench bench-peers: deps
	@$(MAKE) $(QUIET) all $(BENCH)
	@pipelines/$@.sh

oracle: deps
	@$(MAKE) $(QUIET) all $(UNIT)
	@tests/oracle/run.sh

teacher: deps
	@$(MAKE) $(QUIET) all
	@tests/oracle/teacher.sh

fuzz fuzz-planted:
	@pipelines/deps.sh clang-14 libclang-rt-14-dev
	@$(MAKE) $(QUIET) $(FUZZ) bin/graphload
	@tests/fuzz.sh $(if $(filter fuzz,$@),run,planted)

crash: all
	@tests/crash.sh

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(foreach s,1 5 7,$(DESTDIR)$(PREFIX)/share/man/man$(s))
	install $(BIN) $(DESTDIR)$(PREFIX)/bin
	for m in $(MAN); do install -m 644 $$m $(DESTDIR)$(PREFIX)/share/man/man$${m##*.}; done

uninstall:
	rm -f $(BIN:bin/%=$(DESTDIR)$(PREFIX)/bin/%)
	for m in $(notdir $(MAN)); do rm -f $(DESTDIR)$(PREFIX)/share/man/man$${m##*.}/$$m; done

clean:
	rm -f $(BIN) $(UNIT) $(BENCH) lib/libr2rec.a lib/libr2rec64.a $(shell find bin lib tests bench -name '*.[od]')

-include $(wildcard bin/*.d lib/*/*.d tests/unit/*.d bench/*.d out/fuzz/fuzz/*.d out/fuzz/lib/*/*.d)
.PHONY: all deps test sanitize demo ml-100k smollm2 floors ablations bench bench-peers oracle teacher fuzz fuzz-planted crash install uninstall clean
