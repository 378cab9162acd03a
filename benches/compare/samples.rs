//! Numbers of one measurement, made few: median, tenth and ninetieth percentile, and the exponent of a growth.

/// Returns the value below which this share of the samples lies, between two of them if need be; they need not be sorted.
pub fn quantile(samples: &[f64], percent: u32) -> Option<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let place = sorted.len().checked_sub(1)? as f64 * f64::from(percent) / 100.0;
    let (below, above) = (sorted.get(place.floor() as usize)?, sorted.get(place.ceil() as usize)?);
    Some(below + (above - below) * place.fract())
}

/// Returns `b` of the best fit `y = a × x^b` (least squares of the logarithms); 1 is linear growth.
pub fn exponent(points: &[(f64, f64)]) -> Option<f64> {
    let logs: Vec<_> = points.iter().map(|(x, y)| (x.ln(), y.ln())).collect();
    let count = logs.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| logs.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let over: f64 = logs.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let under: f64 = logs.iter().map(|point| (point.0 - x).powi(2)).sum();
    (logs.len() > 1 && under > 0.0).then(|| over / under)
}
