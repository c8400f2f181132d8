using System.Collections.Immutable;

namespace Conclave.Timekeeping;

/// <summary>
/// One comparison, as the process that asks sees it. A clock that is read after the question was asked and before the answer came was read within
/// that span, whatever the store did meanwhile: so its interval, moved back by the span, must hold the moment of the question.
/// </summary>
/// <remarks>The same overlap of a majority as among time servers; see <see cref="NtpSelection"/>.</remarks>
internal sealed class ClockRound
{
    // of the monotonic clock, while a daemon corrects it
    private const double Drift = 500e-6;

    private readonly string _me;
    private readonly TimeProvider _time;
    private readonly long _asked;
    private readonly ClockReading _mine;
    private readonly Dictionary<string, (ClockNote Note, long Span)> _answers = new(StringComparer.Ordinal);
    private readonly HashSet<string> _gone = new(StringComparer.Ordinal);
    private ImmutableArray<(string Id, string Name)> _expected = [];

    /// <summary>Begins a comparison: nobody can have seen the question yet.</summary>
    public ClockRound(long number, string me, SynchronizedClock clock)
    {
        (Number, _me, _time) = (number, me, clock.Time);
        _asked = _time.GetTimestamp();
        _mine = clock.Read();
    }

    public long Number { get; }

    /// <summary>Completes when everybody who was there has answered or left.</summary>
    public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Who is there. The process that asks is one of them.</summary>
    public void Expect(IEnumerable<(string Id, string Name)> members)
    {
        _expected = [.. members];
        CheckDone();
    }

    /// <summary>Somebody published something.</summary>
    public void Published(string id, ClockNote note)
    {
        if (note.Seen.Any(q => q.By == _me && q.Number == Number))
        {
            // read before: the answer was read from the store before this moment
            long span = (long)(_time.GetElapsedTime(_asked).Ticks * (1 + Drift)) + 1;
            _answers.TryAdd(id, (note, span));
            CheckDone();
        }
    }

    public void Left(string id)
    {
        _gone.Add(id);
        CheckDone();
    }

    /// <summary>What can be said now.</summary>
    public ClockReport Result(string myName)
    {
        var claims = new List<(string Id, NtpClaim Claim)>();
        if (_mine.IsBounded)
        {
            claims.Add((_me, Claim(_mine.Earliest.UtcTicks, _mine.Latest.UtcTicks)));
        }

        foreach (var (id, (note, span)) in _answers.Where(a => a.Value.Note.Below >= 0))
        {
            claims.Add((id, Claim(note.Time - note.Below - span, note.Time + note.Above)));
        }

        NtpClaim[] all = [.. claims.Select(c => c.Claim)];
        var selection = all.Length == 0 ? null : NtpSelection.Of(all, (all.Length / 2) + 1);
        ComparedClock Compared(string id, string name)
        {
            int index = claims.FindIndex(c => c.Id == id);
            bool isSkewed = selection is not null && index >= 0 && selection.Verdicts[index] == SourceVerdict.Outvoted;
            var verdict = index < 0 ? ClockVerdict.NoBound : selection is null ? ClockVerdict.Undecided : isSkewed ? ClockVerdict.Skewed : ClockVerdict.Agrees;
            TimeSpan? apart = !isSkewed ? null
                : new(all[index].Low > selection!.High ? all[index].Low - selection.High : all[index].High - selection.Low);
            if (id == _me)
            {
                return new(id, name, verdict, TimeSpan.Zero, TimeSpan.Zero, _mine.Uncertainty, apart);
            }

            // in the middle of the span, give or take half of it
            var (note, span) = _answers[id];
            return new(
                id, name, verdict, new(note.Time - (span / 2) - _mine.Ticks), new((span / 2) + 1), note.Below < 0 ? null : new(Math.Max(note.Below, note.Above)), apart);
        }

        return new(_mine.Time, selection is not null, [.. _expected.Where(e => !_gone.Contains(e.Id)).Select(e =>
            e.Id == _me ? Compared(_me, myName)
            : _answers.TryGetValue(e.Id, out var answer) ? Compared(e.Id, answer.Note.Name)
            : new(e.Id, e.Name, ClockVerdict.Silent, null, null, null, null))]);
    }

    private static NtpClaim Claim(long low, long high) => new(low + ((high - low) / 2), ((high - low) / 2) + 1, 0);

    private void CheckDone()
    {
        if (!_expected.IsEmpty && _expected.All(e => e.Id == _me || _answers.ContainsKey(e.Id) || _gone.Contains(e.Id)))
        {
            Done.TrySetResult();
        }
    }
}
