/* kernel_table — the table of one instruction set, named KERNELS. Included last. */

const struct kernels KERNELS = {
    .name = KERNELS_NAME,
    .rmsnorm_forward = rmsnorm_forward,
    .rmsnorm_again = rmsnorm_again,
    .rmsnorm_backward = rmsnorm_backward,
    .add = add,
    .scale = scale,
    .axpy = axpy,
    .swiglu_forward = swiglu_forward,
    .swiglu_backward = swiglu_backward,
    .rope = rope,
    .logsumexp = logsumexp,
    .exponentials = exponentials,
    .softmax_backward = softmax_backward,
    .tile_mac = tile_mac,
    .softmax_block = softmax_block,
    .softmax_block_backward = softmax_block_backward,
    .dot = dot,
    .sum_squares = sum_squares,
    .adamw = adamw,
};
