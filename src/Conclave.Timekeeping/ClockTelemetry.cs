using System.Diagnostics.Metrics;

namespace Conclave.Timekeeping;

/// <summary>What a clock tells about itself to whoever listens to the meter "Conclave". Nothing is measured when nobody does.</summary>
internal sealed class ClockTelemetry : IDisposable
{
    private readonly Meter _meter = new("Conclave");

    public ClockTelemetry(SynchronizedClock clock)
    {
        _meter.CreateObservableGauge(
            "conclave.clock.uncertainty", () => clock.Read().Uncertainty is { } bound ? [new(bound.TotalSeconds)] : Array.Empty<Measurement<double>>(), "s",
            "How wrong the clock may be; nothing while no bound is known.");
        _meter.CreateObservableGauge("conclave.clock.offset", () => clock.GetStatus().Offset.TotalSeconds, "s", "From the wall clock of this machine to the clock.");
        _meter.CreateObservableGauge(
            "conclave.clock.state", () => new Measurement<int>(1, new KeyValuePair<string, object?>("conclave.state", clock.State.ToString())), "{clock}", "1, with the state as a tag.");
    }

    public void Dispose() => _meter.Dispose();
}
