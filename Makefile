# R2Rec: recommendation by a language model that reasons over the user-item graph.
#   make          build bin/*            make test       every test          make demo       the whole road
#   make deps     install what it needs  make sanitize   ASan + UBSan        make ml-100k    the same, real data
PREFIX  ?= /usr/local
DESTDIR ?=
CC      ?= cc
CFLAGS  ?= -O2 -g
CPPFLAGS += -Ilib -D_FILE_OFFSET_BITS=64
R2FLAGS = -std=c11 -Wall -Wextra -Wshadow -Wmissing-prototypes -ffp-contract=off -ffile-prefix-map=$(CURDIR)=. -pthread
LDLIBS  = -Wl,--as-needed -lopenblas -ljansson -lpcre2-8 -lutf8proc -lz -lm

BIN  := $(basename $(wildcard bin/*.c))
UNIT := $(basename $(wildcard tests/unit/*.c))
LIB  := $(patsubst %.c,%.o,$(wildcard lib/*/*.c))

all: $(BIN)

lib/libr2rec.a: $(LIB)
	rm -f $@ && $(AR) rcsD $@ $^

%.o: %.c
	$(CC) $(R2FLAGS) $(CPPFLAGS) $(CFLAGS) -MMD -c -o $@ $<

$(BIN) $(UNIT): %: %.o lib/libr2rec.a
	$(CC) $(R2FLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

clean:
	rm -f $(BIN) $(UNIT) lib/libr2rec.a $(shell find bin lib tests -name '*.o' -o -name '*.d')

-include $(wildcard bin/*.d lib/*/*.d tests/unit/*.d)
.PHONY: all clean
