namespace Conclave.Servers;

/// <summary>One way through the proxy, of all its connections.</summary>
internal sealed class Lane(Direction direction, FaultProxy proxy, TimeProvider time)
{
    private readonly Lock _gate = new();
    private Fault _fault = Fault.None;

    public Direction Direction => direction;

    public FaultProxy Proxy => proxy;

    public TimeProvider Time => time;

    public ByteCounter Arrived { get; } = new();

    public ByteCounter Passed { get; } = new();

    public ByteCounter Lost { get; } = new();

    public Fault Fault
    {
        get
        {
            lock (_gate)
            {
                return _fault;
            }
        }

        set
        {
            Fault old;
            lock (_gate)
            {
                (old, _fault) = (_fault, value);
            }

            old.Replace();
        }
    }

    /// <summary>Decides atomically against <see cref="Fault"/> being set: after that, nothing more is lost.</summary>
    /// <returns>Whether something of a connection is lost, which the action has noted.</returns>
    public bool Lose(Action note)
    {
        lock (_gate)
        {
            if (_fault.Passage != Passage.Lost)
            {
                return false;
            }

            note();
            return true;
        }
    }
}
