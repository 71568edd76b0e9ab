//! Optimisers: how parameters follow their gradients.

/// An optimiser with its state.
#[derive(Clone, Debug)]
pub enum Optimizer {
    /// Divides each gradient by the root of its recent mean square.
    RmsProp(RmsProp),
}

/// RMSprop as Keras 3 computes it (Tieleman and Hinton 2012), without momentum and centring.
#[derive(Clone, Debug)]
pub struct RmsProp {
    rho: f32,
    epsilon: f32,
    velocity: Vec<f32>,
}

impl Optimizer {
    /// RMSprop with Keras's defaults: rho 0.9, epsilon 1e-7.
    pub fn rms_prop(parameters: usize) -> Self {
        Self::RmsProp(RmsProp { rho: 0.9, epsilon: 1e-7, velocity: vec![0.0; parameters] })
    }

    /// Moves the parameters by one step against the gradients.
    pub fn step(&mut self, learning_rate: f32, parameters: &mut [f32], gradients: &[f32]) {
        match self {
            Self::RmsProp(state) => state.step(learning_rate, parameters, gradients),
        }
    }
}

impl RmsProp {
    fn step(&mut self, learning_rate: f32, parameters: &mut [f32], gradients: &[f32]) {
        let (rho, epsilon) = (self.rho, self.epsilon);
        for ((value, velocity), gradient) in parameters.iter_mut().zip(&mut self.velocity).zip(gradients) {
            *velocity = rho * *velocity + (1.0 - rho) * gradient * gradient;
            *value -= learning_rate * gradient / (*velocity + epsilon).sqrt();
        }
    }
}

/// Scales gradients down to a norm of at most `limit`; gives the norm that they had.
pub fn clip_norm(gradients: &mut [f32], limit: f32) -> f32 {
    let norm = gradients.iter().map(|g| f64::from(*g) * f64::from(*g)).sum::<f64>().sqrt() as f32;
    if norm > limit {
        let factor = limit / norm;
        gradients.iter_mut().for_each(|gradient| *gradient *= factor);
    }
    norm
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_steps_of_rms_prop_agree_with_the_formula() {
        let (mut parameters, mut velocity, mut expected) = ([1.0f32, -2.0], [0.0f64; 2], [1.0f64, -2.0]);
        let mut optimizer = Optimizer::rms_prop(2);
        for gradients in [[0.5f32, -0.1], [0.25, 3.0]] {
            optimizer.step(1e-3, &mut parameters, &gradients);
            for i in 0..2 {
                let gradient = f64::from(gradients[i]);
                velocity[i] = 0.9 * velocity[i] + 0.1 * gradient * gradient;
                expected[i] -= 1e-3 * gradient / (velocity[i] + 1e-7).sqrt();
            }
        }
        assert!(
            parameters.iter().zip(expected).all(|(value, exact)| (f64::from(*value) - exact).abs() < 1e-6)
        );
    }

    #[test]
    fn clipping_keeps_the_direction() {
        let mut gradients = [3.0, 4.0];
        assert_eq!(clip_norm(&mut gradients, 1.0), 5.0);
        assert!((gradients[0] - 0.6).abs() < 1e-6 && (gradients[1] - 0.8).abs() < 1e-6);
        assert_eq!(clip_norm(&mut [0.3, 0.4], 1.0), 0.5);
    }
}
