//! The surfaces that a simulated robot drives on.

/// A surface of the simulator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Surface {
    /// Cast concrete: hard, with a fine grain.
    Concrete,
    /// Ceramic tiles: smooth, with a grout joint each 30 cm.
    Tile,
    /// Floorboards, driven across: smooth and springy, with a narrow joint each 9 cm.
    Wood,
    /// Short-pile carpet: even and soft.
    Carpet,
    /// A lawn: soft, in long waves, where wheels slip.
    Grass,
    /// Loose gravel: stones of a few centimetres, where wheels slip.
    Gravel,
}

/// What a surface does to a wheel. Lengths are in m, forces in parts of the weight that the wheel carries.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ground {
    /// Coefficient of rolling resistance of a small rubber wheel: its mean drag.
    pub rolling_resistance: f64,
    /// RMS of the slope that the wheel climbs.
    ///
    /// A profile with ISO 8608's waviness of 2 has a white slope; what is shorter than `corner` is evened out, which
    /// makes the slope a first-order process along the way.
    pub slope: f64,
    /// The wavelength at which the slope's spectrum falls to half: the grain, not below a wheel's contact patch.
    pub corner: f64,
    /// Mean distance between joints or stones.
    pub spacing: f64,
    /// How evenly they lie, as the shape of the gamma distribution of the distances: 1 is at random, as stones, and
    /// the distances deviate by `1 / sqrt(regularity)` of their mean.
    pub regularity: f64,
    /// Mean force at such an obstacle.
    pub bump: f64,
    /// Deviation of the drag from wheels that slip and grip, in parts of the drag.
    pub slip: f64,
    /// How much of the drive's own ripple the ground swallows by giving way.
    pub damping: f64,
}

impl Surface {
    /// All surfaces, from the hardest on.
    pub(crate) const ALL: [Surface; 6] =
        [Surface::Concrete, Surface::Tile, Surface::Wood, Surface::Carpet, Surface::Grass, Surface::Gravel];

    /// The name, as it stands in labels.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Surface::Concrete => "concrete",
            Surface::Tile => "tile",
            Surface::Wood => "wood",
            Surface::Carpet => "carpet",
            Surface::Grass => "grass",
            Surface::Gravel => "gravel",
        }
    }

    /// The surface of this name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|surface| surface.name() == name)
    }

    /// What it does to a wheel.
    ///
    /// The hard floors drag alike, and so do grass and gravel: only the course of the current tells them apart.
    pub(crate) fn ground(self) -> &'static Ground {
        match self {
            Surface::Concrete => &CONCRETE,
            Surface::Tile => &TILE,
            Surface::Wood => &WOOD,
            Surface::Carpet => &CARPET,
            Surface::Grass => &GRASS,
            Surface::Gravel => &GRAVEL,
        }
    }
}

/// The grain is finer than the contact patch, so that it is felt as noise; slabs meet every few metres.
const CONCRETE: Ground = Ground {
    rolling_resistance: 0.016,
    slope: 0.012,
    corner: 0.03,
    spacing: 4.0,
    regularity: 100.0,
    bump: 0.03,
    slip: 0.02,
    damping: 0.0,
};

/// Glaze is the smoothest of all; the joints are deep and keep their distance.
const TILE: Ground = Ground {
    rolling_resistance: 0.014,
    slope: 0.003,
    corner: 0.05,
    spacing: 0.3,
    regularity: 2000.0,
    bump: 0.045,
    slip: 0.02,
    damping: 0.0,
};

/// Boards bend between the joists, which is a slope in long waves; their joints are narrow, and boards differ in width.
const WOOD: Ground = Ground {
    rolling_resistance: 0.016,
    slope: 0.007,
    corner: 0.4,
    spacing: 0.09,
    regularity: 100.0,
    bump: 0.008,
    slip: 0.02,
    damping: 0.2,
};

/// The pile costs twice the drag of a hard floor, hides what is below and gives way to the wheel's ripple.
const CARPET: Ground = Ground {
    rolling_resistance: 0.034,
    slope: 0.003,
    corner: 0.15,
    spacing: 3.0,
    regularity: 1.0,
    bump: 0.01,
    slip: 0.06,
    damping: 0.6,
};

/// Soil and blades cost the most drag; tufts are far apart and soft, and wet blades let wheels slip.
const GRASS: Ground = Ground {
    rolling_resistance: 0.072,
    slope: 0.022,
    corner: 0.35,
    spacing: 0.5,
    regularity: 1.0,
    bump: 0.02,
    slip: 0.15,
    damping: 0.7,
};

/// Wheels climb single stones, about 15 a metre, and push others aside.
const GRAVEL: Ground = Ground {
    rolling_resistance: 0.055,
    slope: 0.025,
    corner: 0.06,
    spacing: 0.065,
    regularity: 1.0,
    bump: 0.05,
    slip: 0.12,
    damping: 0.4,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_surface_is_found_by_its_name() {
        for surface in Surface::ALL {
            assert_eq!(Surface::from_name(surface.name()), Some(surface));
        }
        assert_eq!(Surface::from_name("lava"), None);
    }
}
