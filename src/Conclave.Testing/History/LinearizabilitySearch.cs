using System.Globalization;

namespace Conclave.Testing;

/// <summary>The search for one part of a history.</summary>
internal sealed class LinearizabilitySearch<TState, TOperation, TResult>
    where TState : notnull
{
    private readonly ISequentialModel<TState, TOperation, TResult> _model;
    private readonly Func<long, bool> _isOver;
    private readonly Node _head = new(null!, 0);
    private readonly Node[] _unknown;
    private readonly TimedOperation<TOperation, TResult>[] _loose;
    private readonly Dictionary<(UInt128 Placed, TState State), int> _visited = [];
    private readonly List<Frame> _stack = [];
    private UInt128 _placed;
    private int _left;
    private int _deepest = -1;
    private long _steps;

    /// <summary>Prepares a search.</summary>
    /// <param name="model">The model.</param>
    /// <param name="operations">What must be explained.</param>
    /// <param name="loose">What may help to explain it: each may happen any number of times while it was under way, all together as often as there are such.</param>
    /// <param name="isOver">Whether to give up after so many steps.</param>
    public LinearizabilitySearch(
        ISequentialModel<TState, TOperation, TResult> model,
        IReadOnlyList<TimedOperation<TOperation, TResult>> operations,
        TimedOperation<TOperation, TResult>[] loose,
        Func<long, bool> isOver)
    {
        (_model, _loose, _isOver) = (model, loose, isOver);
        var random = new Random(1);
        var unknown = new List<Node>();
        (_head.Before, _head.Following) = (_head, _head);
        foreach (var operation in operations.OrderBy(o => o.Start))
        {
            var node = new Node(operation, new((ulong)random.NextInt64(), (ulong)random.NextInt64()));
            if (operation.IsKnown)
            {
                (node.Before, node.Following) = (_head.Before, _head);
                (_head.Before.Following, _head.Before) = (node, node);
                _left++;
            }
            else
            {
                unknown.Add(node);
            }
        }

        _unknown = [.. unknown];
    }

    /// <summary>What fitted nowhere, where the search came furthest.</summary>
    public string Blocked { get; private set; } = "";

    /// <summary>Whether there is an order; null when the search was given up.</summary>
    public bool? Run()
    {
        _stack.Add(new(null, _model.Initial, 0, long.MinValue));
        Expand(_stack[0]);
        while (_stack.Count > 0 && _left > 0)
        {
            var top = _stack[^1];
            if (top.Next == top.Choices.Count)
            {
                _stack.RemoveAt(_stack.Count - 1);
                TakeBack(top.Node);
                continue;
            }

            if (_isOver(_steps))
            {
                return null;
            }

            var frame = top.Choices[top.Next++];
            Place(frame.Node);
            _stack.Add(frame);
            if (_left > 0 && (!_visited.TryGetValue((_placed, frame.State), out int uses) || frame.Uses < uses))
            {
                _visited[(_placed, frame.State)] = frame.Uses;
                Expand(frame);
            }
        }

        return _left == 0;
    }

    private void Expand(Frame frame)
    {
        long horizon = long.MaxValue;
        (TimedOperation<TOperation, TResult> Operation, TResult Expected)? blocked = null;
        for (var node = _head.Following; node != _head && node.Operation.Start <= horizon; node = node.Following)
        {
            var operation = node.Operation;
            horizon = Math.Min(horizon, operation.End);
            _steps++;
            var (next, result) = _model.Apply(frame.State, operation.Operation);
            if (!EqualityComparer<TResult>.Default.Equals(result, operation.Result))
            {
                blocked = blocked is null || operation.End < blocked.Value.Operation.End ? (operation, result) : blocked;
                continue;
            }

            var choice = new Frame(node, next, frame.Uses, Math.Max(frame.LatestStart, operation.Start));
            if (_model.IsReadOnly(operation.Operation))
            {
                // what changes nothing is best done at once: no order loses by it
                frame.Choices.Clear();
                frame.Choices.Add(choice);
                return;
            }

            frame.Choices.Add(choice);
        }

        if (frame.Choices.Count == 0 && _stack.Count > _deepest && blocked is { } end)
        {
            _deepest = _stack.Count;
            Blocked = string.Create(CultureInfo.InvariantCulture, $"client {end.Operation.Client}, {end.Operation.Start}..{end.Operation.End}: {end.Operation.Operation} answered {end.Operation.Result}, but nothing explains it: {end.Expected} was expected");
        }

        AddOptional(frame, horizon);
    }

    private void AddOptional(Frame frame, long horizon)
    {
        // of several equal ones the earliest does for all
        var tried = new HashSet<TOperation>();
        foreach (var node in _unknown)
        {
            if (!node.IsPlaced && node.Operation.Start <= horizon && tried.Add(node.Operation.Operation))
            {
                AddOptional(frame, node, node.Operation.Operation, frame.Uses);
            }
        }

        tried.Clear();
        foreach (var operation in _loose)
        {
            bool isPossible = operation.Start <= horizon && (!operation.IsKnown || operation.End >= frame.LatestStart);
            if (frame.Uses < _loose.Length && isPossible && tried.Add(operation.Operation))
            {
                AddOptional(frame, null, operation.Operation, frame.Uses + 1);
            }
        }
    }

    private void AddOptional(Frame frame, Node? node, TOperation operation, int uses)
    {
        _steps++;
        var next = _model.Apply(frame.State, operation).Next;
        if (!EqualityComparer<TState>.Default.Equals(next, frame.State))
        {
            frame.Choices.Add(new(node, next, uses, frame.LatestStart));
        }
    }

    private void Place(Node? node)
    {
        if (node is null)
        {
            return;
        }

        node.IsPlaced = true;
        _placed ^= node.Key;
        if (node.Operation.IsKnown)
        {
            (node.Before.Following, node.Following.Before) = (node.Following, node.Before);
            _left--;
        }
    }

    private void TakeBack(Node? node)
    {
        if (node is null)
        {
            return;
        }

        node.IsPlaced = false;
        _placed ^= node.Key;
        if (node.Operation.IsKnown)
        {
            (node.Before.Following, node.Following.Before) = (node, node);
            _left++;
        }
    }

    private sealed class Node(TimedOperation<TOperation, TResult> operation, UInt128 key)
    {
        public TimedOperation<TOperation, TResult> Operation => operation;

        public UInt128 Key => key;

        public bool IsPlaced { get; set; }

        public Node Before { get; set; } = null!;

        public Node Following { get; set; } = null!;
    }

    private sealed record Frame(Node? Node, TState State, int Uses, long LatestStart)
    {
        public List<Frame> Choices { get; } = [];

        public int Next { get; set; }
    }
}
