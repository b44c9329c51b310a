//! Pictures in floating point: sampling, resizing, smoothing.

use crate::math::V3;

/// Pixels in rows from the top; linear light, or after the camera values of 0..1 as files hold them.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) pixels: Vec<V3>,
}

impl Image {
    pub(crate) fn of(width: usize, height: usize, colour: V3) -> Self {
        Self { width, height, pixels: vec![colour; width * height] }
    }

    /// The colour at a place in pixels, between pixels as between their centres; the edge goes on.
    pub(crate) fn at(&self, x: f32, y: f32) -> V3 {
        let (x, y) = (x - 0.5, y - 0.5);
        let (fx, fy) = (x.floor(), y.floor());
        let pixel = |x: f32, y: f32| {
            let x = x.clamp(0.0, self.width as f32 - 1.0) as usize;
            let y = y.clamp(0.0, self.height as f32 - 1.0) as usize;
            self.pixels[y * self.width + x]
        };
        let above = pixel(fx, fy).mix(pixel(fx + 1.0, fy), x - fx);
        let below = pixel(fx, fy + 1.0).mix(pixel(fx + 1.0, fy + 1.0), x - fx);
        above.mix(below, y - fy)
    }

    /// Another size; smoothed first where it gets smaller.
    pub(crate) fn resized(&self, width: usize, height: usize) -> Self {
        if (width, height) == (self.width, self.height) {
            return self.clone();
        }
        let (sx, sy) = (self.width as f32 / width as f32, self.height as f32 / height as f32);
        let smoothed;
        let source = if sx > 1.2 {
            smoothed = self.smoothed(0.4 * sx);
            &smoothed
        } else {
            self
        };
        let mut pixels = Vec::with_capacity(width * height);
        for y in 0..height {
            for x in 0..width {
                pixels.push(source.at((x as f32 + 0.5) * sx, (y as f32 + 0.5) * sy));
            }
        }
        Self { width, height, pixels }
    }

    /// Gaussian smoothing; `sigma` in pixels.
    pub(crate) fn smoothed(&self, sigma: f32) -> Self {
        let reach = (2.5 * sigma).ceil() as usize;
        let mut weights: Vec<f32> =
            (0..=reach).map(|d| (-0.5 * (d as f32 / sigma).powi(2)).exp()).collect();
        let sum = 2.0 * weights.iter().sum::<f32>() - 1.0;
        weights.iter_mut().for_each(|w| *w /= sum);
        self.along(&weights, 1, self.width, self.width).along(&weights, self.width, self.height, 1)
    }

    /// Weighs neighbours that lie `stride` apart, on lines of `length` pixels, `lines` apart.
    fn along(&self, weights: &[f32], stride: usize, length: usize, lines: usize) -> Self {
        let mut pixels = vec![V3::default(); self.pixels.len()];
        for line in 0..self.pixels.len() / length {
            let start = line * lines;
            for n in 0..length {
                let mut sum = self.pixels[start + n * stride] * weights[0];
                for (d, &weight) in weights.iter().enumerate().skip(1) {
                    let before = self.pixels[start + n.saturating_sub(d) * stride];
                    let after = self.pixels[start + (n + d).min(length - 1) * stride];
                    sum = sum + (before + after) * weight;
                }
                pixels[start + n * stride] = sum;
            }
        }
        Self { pixels, ..*self }
    }

    /// Moved along a line while the shutter was open; `dx`, `dy` in pixels.
    pub(crate) fn shaken(&self, dx: f32, dy: f32) -> Self {
        let steps = (dx.hypot(dy).ceil() as usize).clamp(2, 9);
        let mut pixels = Vec::with_capacity(self.pixels.len());
        for y in 0..self.height {
            for x in 0..self.width {
                let sum = (0..steps).fold(V3::default(), |sum, n| {
                    let t = n as f32 / (steps - 1) as f32 - 0.5;
                    sum + self.at(x as f32 + 0.5 + t * dx, y as f32 + 0.5 + t * dy)
                });
                pixels.push(sum * (1.0 / steps as f32));
            }
        }
        Self { pixels, ..*self }
    }

    /// Without colour.
    pub(crate) fn grey(mut self) -> Self {
        for pixel in &mut self.pixels {
            let luma = luma(*pixel);
            *pixel = V3(luma, luma, luma);
        }
        self
    }

    /// Bytes of 0..255, three a pixel.
    pub(crate) fn rgb(&self) -> Vec<u8> {
        self.pixels.iter().flat_map(|p| [p.0, p.1, p.2]).map(byte).collect()
    }

    /// Bytes of brightness.
    pub(crate) fn luma(&self) -> Vec<u8> {
        self.pixels.iter().map(|&p| byte(luma(p))).collect()
    }
}

/// Brightness as JPEG counts it (BT.601).
pub(crate) fn luma(p: V3) -> f32 {
    0.299 * p.0 + 0.587 * p.1 + 0.114 * p.2
}

fn byte(value: f32) -> u8 {
    (value * 255.0 + 0.5).clamp(0.0, 255.0) as u8
}
