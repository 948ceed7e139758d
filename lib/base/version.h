/* version — of the package, in one place. */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

#define R2REC_VERSION "0.1.0"

#endif
