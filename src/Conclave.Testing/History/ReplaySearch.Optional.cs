using Conclave.Storage;

namespace Conclave.Testing;

/// <summary>When the search tries what may have happened, or not.</summary>
internal sealed partial class ReplaySearch
{
    private bool Allow()
    {
        bool more = false;
        foreach (var node in _optional)
        {
            if (!_allowed[node.Index] && IsBlamed(node))
            {
                more = _allowed[node.Index] = true;
            }
        }

        return more;
    }

    // complete: an order that needs what was left out differs from one that was tried first on a key that what was left out writes
    private bool IsBlamed(ReplayNode node) => node.Kind == ReplayKind.Commit
        ? node.Operation.Transaction!.Writes.Any(w => _blamed.Contains(w.Key) || (w.Session is { } s && _blamed.Contains(ReplayState.SessionKey(s))))
        : _blamed.Any(k => k == ReplayState.SessionKey(node.Operation.Session!.Value) || (_plan.SessionsOf.TryGetValue(k, out var sessions) && sessions.Contains(node.Operation.Session!.Value)));

    private void Blame(List<ReplayNode> failed, (ReplayNode, ReplayMismatch)? blocked, bool isEnd, bool blameAll)
    {
        if (isEnd && -_left < _deepest && !blameAll)
        {
            return;
        }

        if (isEnd && -_left > _deepest && blocked is not null)
        {
            Blocked = blocked;
            _deepest = -_left;
            if (!blameAll)
            {
                _blamed.Clear();
            }
        }

        foreach (var node in failed)
        {
            _blamed.UnionWith(_mismatches[node.Index].Keys);
        }
    }

    /// <summary>Keeps on which keys a node did not fit so far, and the last reason that was not just that it is too late.</summary>
    private ReplayMismatch Remember(ReplayNode node, ReplayMismatch why)
    {
        bool isKnown = _mismatches.TryGetValue(node.Index, out var mismatch);
        var last = isKnown && why.IsFinal ? mismatch.Last : why;
        var keys = mismatch.Keys ?? new(StringComparer.Ordinal);
        keys.UnionWith(why.Keys);
        _mismatches[node.Index] = (keys, last);
        return last;
    }

    private void AddOptional(Frame frame, HashSet<string> wanted)
    {
        long following = _nextExact < _exact.Length ? _exact[_nextExact].Exact!.Value : long.MaxValue;
        List<ReplayNode> next = [.. frame.Choices.Select(c => c.Node)];
        foreach (var node in _optional)
        {
            bool isPossible = _allowed[node.Index] && !node.IsPlaced && node.Start <= frame.Horizon && node.After is not { IsPlaced: false };
            if (!isPossible || !IsOfUse(node, frame.State.Model, wanted, next))
            {
                continue;
            }

            _steps++;
            if (frame.State.Step(node, following, _known, out var why) is not { } after)
            {
                // another optional operation may make this one possible
                wanted.UnionWith(why!.Keys);
            }
            else if (!ReferenceEquals(after.Model, frame.State.Model) && _awaited.Check(node, frame.State.Model) is null)
            {
                frame.Choices.Add((node, after));
            }
        }
    }

    // what may happen later as well is left for later: until an operation fails on one of its keys, or what comes next would take its
    // conditions or its session away, or would create what it creates
    private static bool IsOfUse(ReplayNode node, StoreModel model, HashSet<string> wanted, List<ReplayNode> next)
    {
        bool IsPutNext(string key) => next.Exists(n => n.Kind == ReplayKind.Commit && n.Operation.Transaction!.Writes.Any(w => !w.IsDelete && w.Key == key));
        bool IsWrittenNext(string key) => next.Exists(n => n.Kind == ReplayKind.Commit && n.Operation.Transaction!.Writes.Any(w => w.Key == key));
        bool IsEndedNext(SessionId session) => next.Exists(n => n.Kind == ReplayKind.Close && n.Operation.Session == session);
        if (node.Kind != ReplayKind.Commit)
        {
            var session = node.Operation.Session!.Value;
            return wanted.Contains(ReplayState.SessionKey(session)) || model.Entries.Any(e => e.Session == session && (wanted.Contains(e.Key) || IsPutNext(e.Key)));
        }

        var transaction = node.Operation.Transaction!;
        return transaction.Conditions.Any(c => IsWrittenNext(c.Key) || wanted.Contains(c.Key))
            || transaction.Writes.Any(w => wanted.Contains(w.Key) || (w.Session is { } s && IsEndedNext(s)) || (model.Find(w.Key) is null != w.IsDelete && IsPutNext(w.Key)));
    }
}
