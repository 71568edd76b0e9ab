//! The surfaces that a simulated robot drives on.

/// A simulated surface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Surface {
    /// Cast concrete: hard, with a fine grain.
    Concrete,
    /// Ceramic tiles: smooth, with a grout joint every 30 cm.
    Tile,
    /// Floorboards, crossed at right angles: smooth and springy, with a narrow joint every 9 cm.
    Wood,
    /// Short-pile carpet: even and soft.
    Carpet,
    /// A lawn: soft, with long waves; wheels slip on it.
    Grass,
    /// Loose gravel: stones of a few centimetres; wheels slip on it.
    Gravel,
}

/// How a surface acts on a wheel. Lengths are in m; forces are fractions of the weight on the wheel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ground {
    /// The coefficient of rolling resistance of a small rubber wheel, which is the mean drag.
    pub rolling_resistance: f64,
    /// The RMS of the slope of the surface.
    ///
    /// The profile of a surface with the waviness 2 of ISO 8608 has a slope with a white spectrum. The wheel
    /// evens out wavelengths shorter than `corner`, so that the slope is a first-order process along the way.
    pub slope: f64,
    /// The wavelength at which the spectrum of the slope has fallen to half: the size of the grain, but at
    /// least the length of a wheel's contact patch.
    pub corner: f64,
    /// The mean distance between two obstacles, which are joints, tufts or stones.
    pub spacing: f64,
    /// How regularly the obstacles are spaced: the shape parameter of the gamma distribution of their
    /// distances.
    ///
    /// The standard deviation of the distances is `1 / sqrt(regularity)` of their mean. With 1, the obstacles
    /// are at random places, as stones are.
    pub regularity: f64,
    /// The mean force at an obstacle.
    pub bump: f64,
    /// The standard deviation of the drag due to wheels that slip and grip, as a fraction of the drag.
    pub slip: f64,
    /// The fraction of the ripple of wheels and gears that is absorbed, because the surface yields.
    pub damping: f64,
}

impl Surface {
    /// All surfaces, from hard to loose.
    pub(crate) const ALL: [Surface; 6] =
        [Surface::Concrete, Surface::Tile, Surface::Wood, Surface::Carpet, Surface::Grass, Surface::Gravel];

    /// The name of the surface in labels.
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

    /// The surface with this name.
    ///
    /// # Errors
    /// A message that lists the names.
    pub(crate) fn named(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|surface| surface.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name);
            format!("there is no such simulated surface; it must be one of {}", names.join(", "))
        })
    }

    /// How the surface acts on a wheel.
    ///
    /// The hard floors have about the same mean drag, and so have grass and gravel. Only the variation of the
    /// current distinguishes them.
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

/// The grain is finer than the contact patch, so that it acts as noise. There is a joint every few metres.
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

/// The glaze is the smoothest of all surfaces. The joints are deep and regular.
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

/// The boards bend between the joists, which gives a slope with long waves. The joints are narrow, and the
/// widths of the boards differ a little.
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

/// The pile has twice the drag of a hard floor, hides the floor below, and absorbs much of the ripple.
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

/// Soil and grass have the highest drag. Tufts are far apart and soft, and wheels slip on wet grass.
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

/// Wheels climb over some stones, about 15 per metre, and push others aside.
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
