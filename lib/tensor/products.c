/* products — the two kinds. */
#include "tensor/products.h"

const struct products products_exact = { gemm_forward, gemm_backward_input, gemm_backward_weight, &attn_exact };
const struct products products_bf16 = { gemm_bf16_forward, gemm_bf16_backward_input, gemm_bf16_backward_weight,
                                        &attn_bf16 };
