using Conclave.Storage;

namespace Conclave.Testing;

/// <summary>
/// Places the operations of a history one by one: an operation may be next when nothing that is left ended before it began (Wing and Gong),
/// and no state is visited twice with the same operations left (Lowe). Known revisions leave one choice almost everywhere; what is optional
/// (unknown outcomes, sessions that end by themselves) is only tried for keys on which the search came to an end.
/// </summary>
internal sealed partial class ReplaySearch
{
    private readonly ReplayPlan _plan;
    private readonly ReplayNode _head;
    private readonly ReplayNode[] _exact;
    private readonly ReplayNode[] _optional;
    private readonly bool[] _allowed;
    private readonly ReplayKnowledge _known;
    private readonly ReplayAwaited _awaited;
    private readonly ulong[] _keys;
    private readonly Func<bool> _isOver;
    private readonly HashSet<string> _blamed = new(StringComparer.Ordinal);
    private readonly Dictionary<(ulong Placed, ulong Model, long Floor), List<HashSet<int>>> _visited = [];
    private readonly Dictionary<int, (HashSet<string> Keys, ReplayMismatch Last)> _mismatches = [];
    private readonly List<Frame> _stack = [];
    private HashSet<int> _used = [];
    private ulong _placed;
    private int _left;
    private int _nextExact;
    private long _steps;
    private int _deepest;
    private int _longestRun;

    public ReplaySearch(ReplayPlan plan, Func<bool> isOver)
    {
        (_plan, _isOver) = (plan, isOver);
        _exact = [.. plan.Nodes.Where(n => n.Exact is not null).OrderBy(n => n.Exact)];
        _optional = [.. plan.Nodes.Where(n => n.IsOptional)];
        _allowed = new bool[plan.Nodes.Count];
        _known = new([.. _exact.Select(n => n.Exact!.Value)], plan.Seen, plan.IsExcerpt);
        _awaited = new(plan.Nodes, _known.Revisions);
        var random = new Random(1);
        _keys = new ulong[plan.Nodes.Count];
        foreach (ref ulong key in _keys.AsSpan())
        {
            key = (ulong)random.NextInt64() ^ ((ulong)random.NextInt64() << 1);
        }

        _head = new() { Index = -1, Operation = null!, Kind = ReplayKind.Commit, Start = 0, End = 0 };
        (_head.Before, _head.Following) = (_head, _head);
        foreach (var node in plan.Nodes.Where(n => !n.IsOptional))
        {
            (node.Before, node.Following) = (_head.Before, _head);
            (_head.Before.Following, _head.Before) = (node, node);
            _left++;
        }
    }

    private enum Ending
    {
        Found,
        Exhausted,
        GivenUp,
    }

    /// <summary>The operation that fitted nowhere, where the search came furthest.</summary>
    public (ReplayNode Node, ReplayMismatch Why)? Blocked { get; private set; }

    /// <summary>Whether there is an order that explains the history; null when the time was too short to know.</summary>
    /// <param name="isGuess">True to look only where an order most likely is.</param>
    public bool? Run(bool isGuess)
    {
        int size = _plan.Nodes.Count;
        while (true)
        {
            // first with little patience: the way on is often an optional operation that is not allowed yet
            var ending = Search((20L * size) + 2000, blameAll: false, longestRun: 2);
            if (ending == Ending.Found)
            {
                return true;
            }

            if (_isOver())
            {
                return null;
            }

            if (!Allow())
            {
                break;
            }
        }

        if (isGuess)
        {
            return null;
        }

        // then with few optional operations in a row, which is nearly always enough, and with all
        foreach (int longestRun in (int[])[1, 2, 3, int.MaxValue])
        {
            Ending ending;
            do
            {
                ending = Search(longestRun == int.MaxValue ? long.MaxValue : 500L * size, blameAll: true, longestRun);
                if (ending == Ending.Found)
                {
                    return true;
                }

                if (_isOver())
                {
                    return null;
                }
            }
            while (Allow());

            if (longestRun == int.MaxValue)
            {
                return ending == Ending.Exhausted ? false : null;
            }
        }

        return null;
    }

    private Ending Search(long patience, bool blameAll, int longestRun)
    {
        _longestRun = longestRun;
        _visited.Clear();
        _mismatches.Clear();
        _blamed.Clear();
        _deepest = int.MinValue;
        (_used, _steps) = ([], 0);
        _stack.Add(new(null, new(StoreModel.Empty, 0), _used));
        Expand(_stack[0], blameAll);
        while (_stack.Count > 0)
        {
            if (_left == 0)
            {
                Unwind();
                return Ending.Found;
            }

            var top = _stack[^1];
            if (top.Next == top.Choices.Count && top.Wanted is not null)
            {
                AddOptional(top, top.Wanted);
                top.Wanted = null;
                continue;
            }

            if (top.Next == top.Choices.Count)
            {
                _stack.RemoveAt(_stack.Count - 1);
                TakeBack(top.Node);
                continue;
            }

            if (_steps > patience || ((_steps & 255) == 0 && _isOver()))
            {
                Unwind();
                return Ending.GivenUp;
            }

            var (node, state) = top.Choices[top.Next++];
            _used = top.Used;
            Place(node);
            var frame = new Frame(node, state, _used) { Run = node.IsOptional ? top.Run + 1 : 0 };
            _stack.Add(frame);
            if (_left > 0 && IsNew(state))
            {
                Expand(frame, blameAll);
            }
        }

        return Ending.Exhausted;
    }

    private void Unwind()
    {
        for (; _stack.Count > 0; _stack.RemoveAt(_stack.Count - 1))
        {
            TakeBack(_stack[^1].Node);
        }
    }

    private bool IsNew(ReplayState state)
    {
        var key = (_placed, state.Model.Hash, state.Floor);
        if (!_visited.TryGetValue(key, out var visits))
        {
            _visited.Add(key, [_used]);
            return true;
        }

        // who has used fewer of the optional operations can do all that the other can
        foreach (var used in visits)
        {
            if (used.IsSubsetOf(_used))
            {
                return false;
            }
        }

        visits.Add(_used);
        return true;
    }

    private void Expand(Frame frame, bool blameAll)
    {
        long horizon = long.MaxValue;
        (ReplayNode Node, ReplayMismatch Why)? blocked = null;
        var failed = new List<ReplayNode>();
        var wanted = new HashSet<string>(StringComparer.Ordinal);
        for (var node = _head.Following; node != _head && node.Start <= horizon; node = node.Following)
        {
            horizon = Math.Min(horizon, node.End);
            bool isExact = node.Exact is not null;
            if (node.After is { IsPlaced: false } || (isExact && node != _exact[_nextExact]))
            {
                continue;
            }

            _steps++;
            if (IsTooLate(node, frame.State))
            {
                frame.Choices.Clear();
                return;
            }

            int following = _nextExact + (isExact ? 1 : 0);
            if (frame.State.Step(node, following < _exact.Length ? _exact[following].Exact!.Value : long.MaxValue, _known, out var why) is not { } next)
            {
                failed.Add(node);
                wanted.UnionWith(why!.Keys);
                if (why.IsFinal)
                {
                    // whatever comes next, this one never fits again: it had to be placed before
                    frame.Choices.Clear();
                    Blame([node], (node, Remember(node, why)), isEnd: true, blameAll);
                    return;
                }

                why = Remember(node, why);
                blocked = blocked is null || node.End < blocked.Value.Node.End ? (node, why) : blocked;
                continue;
            }

            if (_awaited.Check(node, frame.State.Model) is { } tooEarly)
            {
                blocked = blocked is null || node.End < blocked.Value.Node.End ? (node, tooEarly) : blocked;
                continue;
            }

            if (IsBestDoneAtOnce(node, frame.State, next))
            {
                frame.Choices.Clear();
                frame.Choices.Add((node, next));
                return;
            }

            frame.Choices.Add((node, next));
        }

        frame.Choices.Sort(static (a, b) => Priority(a.Node).CompareTo(Priority(b.Node)));
        bool isEnd = frame.Choices.Count == 0;
        if (blameAll || (isEnd && -_left >= _deepest))
        {
            Blame(failed, blocked, isEnd, blameAll);
        }

        // optional operations are looked at when everything else has failed
        (frame.Wanted, frame.Horizon) = (frame.Run < _longestRun ? wanted : null, horizon);
    }

    private static (long, bool, long) Priority(ReplayNode node) =>
        (node.Exact ?? node.Operation.Result?.Revision ?? long.MaxValue, node.Kind != ReplayKind.Commit || node.Operation.Transaction!.IsReadOnly, node.Start);

    // no order loses by it: opening a session, and what changes nothing, now or later. A delete of what is absent may delete something later
    private static bool IsBestDoneAtOnce(ReplayNode node, ReplayState before, ReplayState after) =>
        node.Kind == ReplayKind.Open
        || (ReferenceEquals(after.Model, before.Model) && after.Floor == before.Floor && (node.Kind != ReplayKind.Commit || node.Operation.Transaction!.IsReadOnly));

    // a commit that puts something gets a revision above the floor, and not above that of its answer
    private static bool IsTooLate(ReplayNode node, ReplayState state) =>
        node is { Kind: ReplayKind.Commit, Exact: null, Operation.Result: { } result } && result.Revision <= state.Floor && node.Operation.Transaction!.Writes.Any(w => !w.IsDelete);

    private void Place(ReplayNode node)
    {
        node.IsPlaced = true;
        if (node.IsOptional)
        {
            _used = [.. _used, node.Index];
            return;
        }

        _awaited.Place(node);
        _placed ^= _keys[node.Index];
        (node.Before.Following, node.Following.Before) = (node.Following, node.Before);
        _left--;
        _nextExact += node.Exact is null ? 0 : 1;
    }

    private void TakeBack(ReplayNode? node)
    {
        if (node is null)
        {
            return;
        }

        node.IsPlaced = false;
        if (!node.IsOptional)
        {
            _awaited.TakeBack(node);
            _placed ^= _keys[node.Index];
            (node.Before.Following, node.Following.Before) = (node, node);
            _left++;
            _nextExact -= node.Exact is null ? 0 : 1;
        }
    }

    private sealed record Frame(ReplayNode? Node, ReplayState State, HashSet<int> Used)
    {
        public List<(ReplayNode Node, ReplayState Next)> Choices { get; } = [];

        public int Next { get; set; }

        /// <summary>How many optional operations were placed right before this, one after the other.</summary>
        public int Run { get; init; }

        public HashSet<string>? Wanted { get; set; }

        public long Horizon { get; set; }
    }
}
