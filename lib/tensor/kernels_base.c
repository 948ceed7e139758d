/* kernels_base — the inner loops for plain vectors of 16 bytes, for any machine. */
#define KERNELS kernels_base
#define KERNELS_NAME "base"
#define VECTOR_BYTES 16

#include "tensor/kernel_vec.h"
#include "tensor/kernel_rows.h"
#include "tensor/kernel_attention.h"
#include "tensor/kernel_net.h"

extern const struct kernels KERNELS;
#include "tensor/kernel_table.h"
