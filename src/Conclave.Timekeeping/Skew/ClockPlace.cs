namespace Conclave.Timekeeping;

/// <summary>One membership in the group, until it is left or lost with its session: who it is, what it has seen, and what it asks.</summary>
internal sealed class ClockPlace : IAsyncDisposable
{
    // questions of more processes than this at once are answered one after the other
    private const int MostSeen = 8;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly ClockMembership _owner;
    private readonly MemberGroup _group;
    private readonly SynchronizedClock _clock;
    private readonly ClockGroupOptions _options;
    private readonly Membership _membership;
    private readonly CancellationTokenSource _stop;
    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _news = new(0);
    private readonly Dictionary<string, long> _toldReports = new(StringComparer.Ordinal);
    private readonly List<ClockQuestion> _seen = [];
    private readonly TaskCompletionSource _gone = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _work;
    private ClockRound? _round;
    private ClockReportNote? _report;
    private long _number;

    private ClockPlace(ClockMembership owner, MemberGroup group, SynchronizedClock clock, ClockGroupOptions options, Membership membership)
    {
        (_owner, _group, _clock, _options, _membership) = (owner, group, clock, options, membership);
        _stop = CancellationTokenSource.CreateLinkedTokenSource(membership.Lost);
        _work = Task.WhenAll(ObserveAsync(), PublishAsync());
    }

    public string Id => _membership.Id;

    public static async ValueTask<ClockPlace> JoinAsync(
        ClockMembership owner, MemberGroup group, SynchronizedClock clock, ClockGroupOptions options, CancellationToken cancellationToken)
    {
        var membership = await group.JoinAsync(Note(clock, options, [], null, null).ToBytes(), cancellationToken).ConfigureAwait(false);
        return new(owner, group, clock, options, membership);
    }

    /// <summary>Asks everybody to read their clocks.</summary>
    public async ValueTask<ClockReport> CompareAsync(CancellationToken cancellationToken)
    {
        _membership.ThrowIfLost();
        var members = await _group.GetMembersAsync(cancellationToken).ConfigureAwait(false);
        var round = Begin(members);
        try
        {
            await round.Done.Task.WaitAsync(_options.AnswerTimeout, _clock.Time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // without those who do not answer
        }

        _membership.ThrowIfLost();
        ClockReport report;
        lock (_gate)
        {
            report = round.Result(_options.Name);
            _report = new(round.Number, report);
            _round = null;
        }

        _news.Release();
        _owner.Tell(report, isOurs: true);
        return report;
    }

    /// <summary>Completes when the session is over, or the work in the background has failed for good.</summary>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public async Task UntilLostAsync(CancellationToken cancellationToken)
    {
        await using var registration = _membership.Lost.Register(() => _gone.TrySetResult()).ConfigureAwait(false);
        await Task.WhenAny(_gone.Task, _work).WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _work.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _membership.DisposeAsync().ConfigureAwait(false);
    }

    private static ClockNote Note(SynchronizedClock clock, ClockGroupOptions options, ClockQuestion[] seen, ClockRound? round, ClockReportNote? report)
    {
        // after the questions were seen: that is what makes the reading an answer to them
        var reading = clock.Read();
        var (below, above) = reading.IsBounded ? (reading.Time - reading.Earliest, reading.Latest - reading.Time) : (new(-1), new(-1));
        return new()
        {
            Name = options.Name,
            Asks = round?.Number ?? 0,
            Seen = seen,
            Time = reading.Ticks,
            Below = below.Ticks,
            Above = above.Ticks,
            Report = report,
        };
    }

    private static string NameOf(Member member) => ClockNote.Read(member.Payload)?.Name is { Length: > 0 } name ? name : member.Id;

    private ClockRound Begin(IEnumerable<Member> members)
    {
        lock (_gate)
        {
            var round = new ClockRound(++_number, Id, _clock);
            round.Expect(members.Where(m => m.Id == Id || ClockNote.Read(m.Payload) is not null).Select(m => (m.Id, NameOf(m))));
            _round = round;
            _news.Release();
            return round;
        }
    }

    private async Task ObserveAsync()
    {
        await foreach (var change in _group.ObserveAsync(_stop.Token).ConfigureAwait(false))
        {
            if (change.Kind == GroupChangeKind.Left)
            {
                Left(change.Member.Id);
            }
            else if (change.Member.Id != Id && ClockNote.Read(change.Member.Payload) is { } note)
            {
                Published(change.Member.Id, note, isNew: change.Kind == GroupChangeKind.Joined);
            }
        }
    }

    private void Left(string id)
    {
        if (id == Id)
        {
            // the store says so earlier than the session's next renewal would
            _gone.TrySetResult();
        }

        lock (_gate)
        {
            _round?.Left(id);
            _seen.RemoveAll(q => q.By == id);
            _toldReports.Remove(id);
        }
    }

    private void Published(string id, ClockNote note, bool isNew)
    {
        ClockReport? report = null;
        lock (_gate)
        {
            _round?.Published(id, note);
            if (note.Asks > 0 && !_seen.Any(q => q.By == id && q.Number >= note.Asks))
            {
                _seen.RemoveAll(q => q.By == id);
                _seen.Add(new(id, note.Asks));
                if (_seen.Count > MostSeen)
                {
                    _seen.RemoveAt(0);
                }

                _news.Release();
            }

            if (note.Report is { } theirs && _toldReports.GetValueOrDefault(id) < theirs.Number)
            {
                // what was there when we came is not news
                _toldReports[id] = theirs.Number;
                report = isNew && theirs.Report.Find(Id) is null ? null : theirs.Report;
            }
        }

        if (report is not null)
        {
            _owner.Tell(report, isOurs: false);
        }
    }

    /// <summary>Publishes whatever is new, until the place is left or lost.</summary>
    private async Task PublishAsync()
    {
        while (true)
        {
            await _news.WaitAsync(_stop.Token).ConfigureAwait(false);
            while (_news.Wait(0, CancellationToken.None))
            {
                // one publication for all of it
            }

            try
            {
                await _membership.UpdateAsync(Current(), _stop.Token).ConfigureAwait(false);
            }
            catch (ConclaveException e) when (e is not ClaimLostException)
            {
                _news.Release();
                await Task.Delay(Pause, _clock.Time, _stop.Token).ConfigureAwait(false);
            }
        }
    }

    private byte[] Current()
    {
        lock (_gate)
        {
            return Note(_clock, _options, [.. _seen], _round, _report).ToBytes();
        }
    }
}
