namespace Conclave.Timekeeping;

/// <summary>What goes on in the background: to stay in the group, and to compare from time to time.</summary>
public sealed partial class ClockMembership
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private volatile ClockPlace? _place;

    /// <summary>Joins again whenever the session, and with it the place, was lost.</summary>
    private async Task StayAsync()
    {
        while (true)
        {
            var place = _place!;
            await place.UntilLostAsync(_stop.Token).ConfigureAwait(false);
            await Task.Delay(Pause, _clock.Time, _stop.Token).ConfigureAwait(false);
            try
            {
                _place = await ClockPlace.JoinAsync(this, _group, _clock, _options, _stop.Token).ConfigureAwait(false);
                await place.DisposeAsync().ConfigureAwait(false);
            }
            catch (ConclaveException)
            {
                // after a pause
            }
        }
    }

    /// <summary>Whoever has been there for longest compares; the others look whether it is them now.</summary>
    private async Task CompareRegularlyAsync()
    {
        while (_options.Interval != Timeout.InfiniteTimeSpan)
        {
            await Task.Delay(_options.Interval, _clock.Time, _stop.Token).ConfigureAwait(false);
            try
            {
                var members = await _group.GetMembersAsync(_stop.Token).ConfigureAwait(false);
                if (members is [var oldest, _, ..] && oldest.Id == Id)
                {
                    _ = await CompareAsync(_stop.Token).ConfigureAwait(false);
                }
            }
            catch (ConclaveException)
            {
                // another time
            }
        }
    }
}
