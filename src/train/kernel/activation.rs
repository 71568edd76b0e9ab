//! Exponential, sigmoid, tanh and softmax over slices, in loops that the compiler turns into vector code.
//!
//! Each multiplication followed by an addition is one fused operation (`mul_add`), as in ONNX Runtime. The
//! results are therefore the same to the bit on every machine. On a processor without a fused instruction
//! (x86-64 before 2013) they are slow to compute.

/// Runs a loop compiled for the vector units that this machine has.
///
/// The closure and the functions it calls must be `#[inline(always)]`. Otherwise the compiler keeps them as
/// separate functions for the baseline instruction set, without the wider vector units.
#[inline(always)]
pub(crate) fn vectorised<R>(work: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(work)
}

/// The lowest exponent: below it, e^x is smaller than the smallest normal `f32`.
const LOWEST: f32 = -87.0;
/// The highest exponent: above it, e^x soon exceeds the largest `f32`.
const HIGHEST: f32 = 88.0;
/// 1.5 · 2^23. Adding it to a small number rounds that number to an integer, which is then in the low
/// mantissa bits.
const ROUND: f32 = 12_582_912.0;
/// ln 2 as the sum of two parts. The first has few significant bits, so that its integer multiples are exact
/// (Cody and Waite 1980).
const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];

/// e^x with a relative error of at most 2e-7. `x` is clamped to -87 to 88; NaN gives NaN.
///
/// As in the Cephes library's `expf` (Moshier 1992): x = n ln 2 + r with an integer n and |r| ≤ ln 2 / 2, so
/// that e^x = 2^n · e^r, with a polynomial for e^r.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    let x = x.clamp(LOWEST, HIGHEST);
    let shifted = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = n.mul_add(-LN_2[1], n.mul_add(-LN_2[0], x));
    let mut p = 1.987_569_1e-4_f32;
    p = p.mul_add(r, 1.398_199_9e-3);
    p = p.mul_add(r, 8.333_452e-3);
    p = p.mul_add(r, 4.166_579_6e-2);
    p = p.mul_add(r, 1.666_666_5e-1);
    p = p.mul_add(r, 0.5);
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(1.0f32.to_bits()));
    ((p * r).mul_add(r, r) + 1.0) * power
}

/// The logistic sigmoid 1 / (1 + e^-x), with a relative error of at most 2.5e-7 for x above -85.
///
/// Rational approximations are as fast, but their errors are biased near saturation. Over the hundred steps
/// of a recurrence that bias adds up to 1e-5 in the probabilities.
#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// The hyperbolic tangent, with a relative error of at most 2e-7.
///
/// As in the Cephes library's `tanhf` (Moshier 1992): a polynomial where |x| is below 0.625, and 1 - 2 /
/// (e^2|x| + 1) with the sign of x elsewhere. Both are always computed, because a branch would keep the loop
/// from being vectorised.
#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    let square = x * x;
    let mut p = -5.704_988_7e-3_f32;
    p = p.mul_add(square, 2.063_908_8e-2);
    p = p.mul_add(square, -5.373_971_6e-2);
    p = p.mul_add(square, 1.333_144_2e-1);
    p = p.mul_add(square, -3.333_328e-1);
    let near = (p * square).mul_add(x, x);
    let far = (1.0 - 2.0 / (exp(2.0 * x.abs()) + 1.0)).copysign(x);
    if x.abs() < 0.625 { near } else { far }
}

/// Replaces each value by its sigmoid.
#[inline(always)]
pub(crate) fn sigmoid_all(values: &mut [f32]) {
    for value in values {
        *value = sigmoid(*value);
    }
}

/// Replaces each value by its hyperbolic tangent.
#[inline(always)]
pub(crate) fn tanh_all(values: &mut [f32]) {
    for value in values {
        *value = tanh(*value);
    }
}

/// Replaces the logits [N, `classes`], row by row, by the softmax probabilities, which sum to 1 (Bridle
/// 1990).
///
/// The row's largest logit is subtracted first, so that no exponential overflows. NaN in a row gives NaN.
pub(crate) fn softmax_rows(logits: &mut [f32], classes: usize) {
    for row in logits.chunks_exact_mut(classes.max(1)) {
        let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut sum = 0.0;
        for value in row.iter_mut() {
            *value = exp(*value - largest);
            sum += *value;
        }
        row.iter_mut().for_each(|value| *value /= sum);
    }
}

/// Measures the peak arithmetic rate of one thread, in operations per second. A multiplication with an
/// addition counts as two operations.
///
/// The values stay in registers, so that memory does not limit the rate. `underfoot-train bench` compares the
/// rate of the matrix products with this one.
pub(crate) fn peak_operations() -> f64 {
    const LANES: usize = 256;
    const ROUNDS: usize = 2_000_000;
    let mut sums = [1.0f32; LANES];
    let begun = std::time::Instant::now();
    vectorised(
        #[inline(always)]
        || {
            let factor = std::hint::black_box(0.999_f32);
            for _ in 0..ROUNDS {
                for sum in &mut sums {
                    *sum = sum.mul_add(factor, 1e-3);
                }
            }
        },
    );
    std::hint::black_box(&sums);
    (2 * LANES * ROUNDS) as f64 / begun.elapsed().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest relative error of `ours` over 400,000 arguments from -`range` to `range`.
    fn largest_error(range: f32, ours: fn(f32) -> f32, exact: fn(f64) -> f64) -> f64 {
        let error = |i: i32| {
            let x = range * i as f32 / 200_000.0;
            let (ours, exact) = (f64::from(ours(x)), exact(f64::from(x)));
            ((ours - exact) / exact).abs()
        };
        (-200_000..=200_000).filter(|i| *i != 0).map(error).fold(0.0, f64::max)
    }

    #[test]
    fn exp_sigmoid_and_tanh_agree_with_double_precision() {
        let errors = [
            largest_error(86.9, exp, f64::exp),
            largest_error(85.0, sigmoid, |x| 1.0 / (1.0 + (-x).exp())),
            largest_error(20.0, tanh, f64::tanh),
            largest_error(1e-3, tanh, f64::tanh),
        ];
        let limits = [2e-7, 2.5e-7, 2e-7, 2e-7];
        assert!(errors.iter().zip(limits).all(|(error, limit)| *error < limit), "{errors:?}");
    }

    #[test]
    fn a_value_that_is_not_a_number_gives_a_result_that_is_not_a_number() {
        assert!([exp(f32::NAN), sigmoid(f32::NAN), tanh(f32::NAN)].iter().all(|value| value.is_nan()));
        let mut row = [0.0, f32::NAN];
        softmax_rows(&mut row, 2);
        assert!(row.iter().any(|value| value.is_nan()));
    }

    #[test]
    fn vector_code_gives_the_same_bits_as_scalar_code() {
        let values: Vec<f32> = (0..1003).map(|i| (i as f32 - 500.0) * 0.037).collect();
        let (mut sigmoids, mut tangents) = (values.clone(), values.clone());
        vectorised(
            #[inline(always)]
            || {
                sigmoid_all(&mut sigmoids);
                tanh_all(&mut tangents);
            },
        );
        assert!(values.iter().zip(sigmoids).all(|(x, y)| sigmoid(*x).to_bits() == y.to_bits()));
        assert!(values.iter().zip(tangents).all(|(x, y)| tanh(*x).to_bits() == y.to_bits()));
    }

    #[test]
    fn softmax_does_not_overflow_at_large_logits() {
        let mut row = [1000.0, 1000.0, -1000.0];
        softmax_rows(&mut row, 3);
        assert!((row[0] - 0.5).abs() < 1e-6 && row[2] < 1e-30);
    }
}
